"""Tell whether Kafka is up, where, and how much it keeps."""

import json
from dataclasses import asdict
from typing import Any

import click

from agents.settings import Settings

NOT_RUNNING = 3


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, also when nothing is running.")
@click.pass_context
def command(context: click.Context, *, as_json: bool) -> None:
    """Tell whether Kafka is up, where, and how much it keeps.

    Exit code 0: it is up and answers; 3: it is not.

    \b
    Examples:
      continuo status
      continuo status --json
      continuo status >/dev/null || continuo up

    \b
    Environment:
      CONTINUO_HOME     where the embedded Kafka keeps its topics and log (.continuo)
      CONTINUO_BROKER   another Kafka to ask instead of the embedded one
    """  # noqa: D301 - \b is click's mark for "do not re-wrap"
    from agents import settings

    chosen = settings.load()
    told, line = _elsewhere(chosen.bootstrap) if chosen.broker else _embedded(chosen)
    click.echo(json.dumps(told) if as_json else line)
    if not told["answers"]:
        context.exit(NOT_RUNNING)


def _elsewhere(bootstrap: str) -> tuple[dict[str, Any], str]:
    from agents import broker

    try:
        other = broker.look(bootstrap)
    except broker.BrokerError as error:
        return {"embedded": False, "answers": False, "address": bootstrap, "version": None}, str(error)
    told = {"embedded": False, "answers": True, "address": bootstrap, "version": other.version}
    return told, f"Kafka {other.version} at {bootstrap} (CONTINUO_BROKER) answers."


def _embedded(chosen: Settings) -> tuple[dict[str, Any], str]:
    from agents import broker

    found = broker.status(chosen.home)
    size = f"{found.data_bytes / 1e6:.1f} MB in {chosen.home / 'broker' / 'data'}"
    if not found.running:
        line = f"No broker is running ({size}). `continuo up` starts one."
    elif not found.answers:
        line = (
            f"Kafka {found.version} (pid {found.pid}) does not answer at {found.address}. "
            f"It starts, or hangs: see {chosen.home / 'broker' / 'broker.log'}; `continuo down` ends it for certain."
        )
    else:
        line = f"Kafka {found.version} is up at {found.address} (pid {found.pid}, for {found.uptime_s} s), {size}."
    return {"embedded": True, **asdict(found)}, line
