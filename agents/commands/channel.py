"""Carry out activations on delivery channels, once each; pause and resume them."""

from pathlib import Path

import click


@click.group("channel")
def command() -> None:
    """Carry out activations on delivery channels, once each; pause and resume them.

    \b
    Examples:
      continuo channel run email
      continuo channel run receipt email app --web-port 6072
      continuo channel new sms --kind sms --sample sms.json
      continuo channel pause email --because "the provider bounces everything"
      continuo channel resume email --because "they have mended it"

    \b
    Environment:
      CONTINUO_HOME        where channels/NAME.jsonl is written (.continuo)
      CONTINUO_MODE        live or history: the clock that reports are stamped with (live)
      CONTINUO_BROKER      another Kafka instead of the embedded one
      CONTINUO_NAMESPACE   first word of the topics (continuo)
      CONTINUO_TRACES      OpenTelemetry collector that gets spans of sampled events (none)
    """  # noqa: D301 - \b is click's mark for "do not re-wrap"


@command.command("run")
@click.argument("names", nargs=-1, required=True)
@click.option("--web-port", type=click.IntRange(1, 65535), help="Port of /metrics, /health and /ready (none).")
def run(names: tuple[str, ...], web_port: int | None) -> None:
    """Dispatch the delivery channels NAMES of the current policy from one process.

    Who carries them out is the channel's `deliver` section in the policy, by default a JSON line in
    .continuo/channels/NAME.jsonl (docs/channels.md). Each is carried out once, whatever crashes in between: the ledger
    on `dispatches` says what was intended and what is done. Then `activation_delivered` (or `_rejected`, `_bounced`,
    `_unknown`) is reported to `raw-events`. With CONTINUO_MODE=history the report is stamped with
    the activation's release and the delivery channel's declared delay, else with the wall clock. Exit code 70: the
    transport failed, start it again.
    """
    from agents import log, service, settings
    from agents.channels import serving
    from agents.pages import pages

    chosen = settings.load()
    log.configure(chosen.log_level, chosen.log_format)
    told = pages("channel", names, web_port)
    service.run(f"channel {' '.join(names)}", lambda stop: serving.dispatch_all(chosen, names, stop), told)


@command.command("pause")
@click.argument("name")
@click.option("--because", required=True, help="Why, in a sentence; it is kept.")
def pause(name: str, because: str) -> None:
    """Let nothing go out by the delivery channel NAME; decisions do without it, what is owed waits or expires."""
    _turn(name, because, is_off=True)


@command.command("resume")
@click.argument("name")
@click.option("--because", required=True, help="Why, in a sentence; it is kept.")
def resume(name: str, because: str) -> None:
    """Let the delivery channel NAME go on with what is owed and has not expired."""
    _turn(name, because, is_off=False)


@command.command("new")
@click.argument("name")
@click.option("--kind", type=click.Choice(["file", "webhook", "smtp", "sms", "push", "audience"]), default="webhook",
              show_default=True, help="What it begins as.")  # fmt: skip
@click.option("--sample", type=click.Path(path_type=Path, dir_okay=False), help="Write a sample for `map test` here.")
def new(name: str, kind: str, sample: Path | None) -> None:
    """Print the section of a new delivery channel NAME, for `delivery_channels` of the policy.

    SMS, push and ads audiences are mappings: replace address, fields and values by those of the provider.
    """
    import orjson

    from agents.channels import templates
    from agents.errors import UserError

    if sample is not None:
        if sample.exists():
            raise UserError(f"{sample} is there already; name another file or remove it")
        sample.write_bytes(orjson.dumps(templates.sample(name, kind), option=orjson.OPT_INDENT_2) + b"\n")
    click.echo(templates.section(name, kind), nl=False)


def _turn(name: str, because: str, *, is_off: bool) -> None:
    import asyncio

    from agents import settings, switches

    chosen = settings.load()
    order = switches.turn(chosen.bootstrap, chosen.namespace, "channel", name, because, is_off=is_off)
    click.echo(switches.told(asyncio.run(order)))
