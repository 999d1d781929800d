"""Carry out activations on delivery channels, once each, and report them."""

import click


@click.command("channel")
@click.argument("names", nargs=-1, required=True)
@click.option("--web-port", type=click.IntRange(1, 65535), help="Port of /metrics, /health and /ready (none).")
def command(names: tuple[str, ...], web_port: int | None) -> None:
    """Dispatch the delivery channels NAMES of the current policy from one process.

    Who carries them out is the channel's `deliver` section in the policy, by default a JSON line in
    .continuo/channels/NAME.jsonl (docs/channels.md). Each is carried out once, whatever crashes in between: the ledger
    on `dispatches` says what was intended and what is done. Then `activation_delivered` (or `_rejected`, `_bounced`,
    `_unknown`) is reported to `raw-events`. With CONTINUO_MODE=history the report is stamped with
    the activation's release and the delivery channel's declared delay, else with the wall clock. Exit code 70: the
    transport failed, start it again.

    \b
    Examples:
      continuo channel email
      continuo channel receipt email app --web-port 6072

    \b
    Environment:
      CONTINUO_HOME        where channels/NAME.jsonl is written (.continuo)
      CONTINUO_MODE        live or history: the clock that reports are stamped with (live)
      CONTINUO_BROKER      another Kafka instead of the embedded one
      CONTINUO_NAMESPACE   first word of the topics (continuo)
      CONTINUO_TRACES      OpenTelemetry collector that gets spans of sampled events (none)
    """  # noqa: D301 - \b is click's mark for "do not re-wrap"
    from agents import log, service, settings
    from agents.channels import serving
    from agents.pages import pages

    chosen = settings.load()
    log.configure(chosen.log_level, chosen.log_format)
    told = pages("channel", names, web_port)
    service.run(f"channel {' '.join(names)}", lambda stop: serving.dispatch_all(chosen, names, stop), told)
