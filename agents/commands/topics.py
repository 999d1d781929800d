"""List the deployment's topics, or create those that are missing.

What there has to be comes from the topology: name, partitions, retention, compaction.
"""

from __future__ import annotations

import json

import click


@click.command()
@click.option("--create", is_flag=True, help="Create the topics that are missing.")
@click.option("--model", "models", multiple=True, help="A model of the policy: it has topics of its own (repeatable).")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines.")
def command(*, create: bool, models: tuple[str, ...], as_json: bool) -> None:
    """List the deployment's topics, or create those that are missing.

    What there has to be comes from the topology. Topics that exist with another number of partitions are refused,
    all of them named, before anything is created: the number is fixed for a deployment's life.

    \b
    Examples:
      continuo topics                        what is there and what is missing
      continuo topics --create               make what is missing
      continuo topics --create --model lapse requests and training examples of a model too

    \b
    Settings: CONTINUO_NAMESPACE, CONTINUO_PARTITIONS, CONTINUO_BROKER or CONTINUO_BROKER_PORT
    Exit codes: 0 all topics are there, 1 some are missing, 69 no broker answers, 78 wrong partition counts
    """  # noqa: D301 — \b is click's mark for "do not re-wrap"
    import asyncio

    from agents.settings import load
    from agents.transport.topics import check_partitions, create_topics, list_topics, wanted_topics

    settings = load()
    wanted = wanted_topics(settings.namespace, settings.partitions, models)
    created = asyncio.run(create_topics(settings.bootstrap, wanted)) if create else []
    found = asyncio.run(list_topics(settings.bootstrap, wanted))
    missing = [topic for topic in found if topic.partitions is None]
    if as_json:
        partitions = {topic.wanted.name: topic.partitions for topic in found}
        click.echo(json.dumps({"topics": partitions, "created": created}))
    else:
        width = max(len(topic.wanted.name) for topic in found)
        for topic in found:
            state = "missing" if topic.partitions is None else f"{topic.partitions} partitions"
            note = ", created" if topic.wanted.name in created else ""
            click.echo(f"{topic.wanted.name:<{width}}  {state}{note}")
    check_partitions(found)
    if missing:
        if not as_json:
            click.echo(f"{len(missing)} missing; `continuo topics --create` makes them", err=True)
        raise click.exceptions.Exit(1)
