"""Start a real Kafka on this machine."""

import json
import time

import click


@click.command("up")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object: address, version, embedded, started.")
def command(*, as_json: bool) -> None:
    """Start a real Kafka on this machine, or say that it is up.

    Apache Kafka runs from its own jars on a Java that came with this environment: no Docker, no system Java.
    The first start downloads about 45 MB, each jar checked against a committed sha256; later ones take two
    seconds and no network. It listens on 127.0.0.1 only, and runs until `continuo down`.

    \b
    Examples:
      continuo up
      CONTINUO_BROKER_PORT=29092 continuo up
      CONTINUO_BROKER=kafka-1:9092,kafka-2:9092 continuo up    check another Kafka, 3.8 to 4.x, and use it

    \b
    Environment:
      CONTINUO_BROKER_PORT   port of the embedded Kafka (19092)
      CONTINUO_HOME          where its topics and log are kept (.continuo)
      CONTINUO_BROKER        another Kafka to use instead of the embedded one
      XDG_CACHE_HOME         the jars lie in its continuo/ (~/.cache)
    """  # noqa: D301 - \b is click's mark for "do not re-wrap"
    from agents import broker, settings

    chosen = settings.load()
    if chosen.broker:
        other = broker.look(chosen.bootstrap)
        told = {"address": chosen.broker, "version": other.version, "embedded": False, "started": False}
        line = f"CONTINUO_BROKER is set: using Kafka {other.version} at {chosen.broker}, which answers."
    else:
        was_up = broker.status(chosen.home).running
        began = time.monotonic()
        address = broker.start(chosen.home, chosen.broker_port, progress=lambda line: click.echo(line, err=True))
        took_s = time.monotonic() - began
        now = broker.status(chosen.home)
        told = {"address": address, "version": now.version, "embedded": True, "started": not was_up, "pid": now.pid}
        line = (
            f"Kafka {now.version} is already up at {address} (pid {now.pid})."
            if was_up
            else f"Kafka {now.version} is up at {address} (pid {now.pid}, {took_s:.1f} s). `continuo down` stops it."
        )
    click.echo(json.dumps(told) if as_json else line)
