"""Say what a decision or a model's version was made of, and what came of it."""

import click

from agents.commands.explain import Patience


@click.command("lineage")
@click.argument("name", metavar="DECISION_ID|MODEL/VERSION")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(name: str, *, as_json: bool) -> None:
    """Say what a decision, or a version of a model, was made of and what came of it.

    Of a decision: its trigger, how many events were known before, the policy, each model's version and until when it
    had learned; then its activation, what became of that, outcomes, rewards, training examples, and the first version
    that has learned from each. Of a version: the examples it learned from, and the decisions that used it.

    Everything is read from committed topics, so it reaches as far back as they are kept.

    \b
    Examples:
      continuo lineage 3f0c9e5a7d1b42f8a6e4c2d09b8f7165
      continuo lineage next_purchase/2017-05-01T00:00:00.000Z
      continuo lineage 3f0c9e5a7d1b42f8a6e4c2d09b8f7165 --json | jq .models

    \b
    Exit codes: 0 told, 1 there is no such decision or version

    \b
    Environment:
      CONTINUO_NAMESPACE   first word of the deployment's topics (continuo; the demo's is grocery)
      CONTINUO_BROKER      another Kafka instead of the embedded one
    """  # noqa: D301 - \b is click's mark for "do not re-wrap"
    import asyncio
    import json

    from agents import explaining, log, settings
    from agents.decisions import Archive
    from agents.errors import UserError
    from agents.lineage import decision, version
    from agents.lineage.versions import read_versions
    from agents.policy_topic import read_bundles

    chosen = settings.load()
    log.configure("warning", chosen.log_format)
    archive = Archive(chosen.bootstrap, chosen.namespace, Patience())

    async def of_version() -> tuple[object, str]:
        versions = await read_versions(chosen)
        bundles, current = await read_bundles(chosen.bootstrap, chosen.namespace)
        tree = await version.trace(archive, versions, version.find(versions, name))
        return tree, version.tell(tree, str(bundles.get(current, {}).get("zone", "UTC")))

    async def of_decision() -> tuple[object, str]:
        explanation = await explaining.look_up(chosen, name, None, None, Patience())
        if explanation is None:
            raise UserError(
                f"there is no decision {name} in the namespace {chosen.namespace} at {chosen.bootstrap}; "
                "CONTINUO_NAMESPACE names another deployment's, and a version is named MODEL/VERSION"
            )
        tree = await decision.trace(archive, explanation, await read_versions(chosen))
        return tree, decision.tell(tree, explanation.policy)

    tree, text = asyncio.run(of_version() if "/" in name else of_decision())
    click.echo(json.dumps(tree) if as_json else text)
