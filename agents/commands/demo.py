"""Stream a real grocery chain's year through it all and report what was decided."""

from datetime import datetime

import click


@click.command("demo")
@click.option("--households", type=click.IntRange(min=1), help="Play the events of so many households only.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="Play the days before this one only.")
@click.option("--workers", type=click.IntRange(1, 16), default=2, show_default=True, help="How many workers to start.")
def command(households: int | None, until: datetime | None, workers: int) -> None:
    """Stream a real grocery chain's year through everything and report what was decided.

    A real Kafka is started if none runs; 1.6 million events of 2,469 households flow through Faust workers; three
    models answer; every completed basket is a decision among 60 treatments; activations are delivered to files,
    outcomes come back, and a model learns from them while the year goes by. At the end the broker stays up, and the
    figures are in .continuo/demo/summary.json.

    It runs as a deployment of its own, in the namespace `grocery` and the folder .continuo/demo; each run begins by
    deleting what the last one left there, and nothing else.

    \b
    Examples:
      continuo demo
      continuo demo --households 300 --until 2017-05-01       about a minute

    \b
    Environment:
      CONTINUO_BROKER        another Kafka instead of the embedded one
      CONTINUO_BROKER_PORT   port of the embedded Kafka (19092)
      CONTINUO_HOME          the folder in which demo/ is (.continuo)
      CONTINUO_PARTITIONS    partitions of the demo's topics (8)
    """  # noqa: D301 - \b is click's mark for "do not re-wrap"
    import asyncio

    from agents import log, settings
    from agents.demo.play import Demo

    chosen = settings.load()
    # What goes on is on the screen; log lines at the default level would only break it up.
    log.configure("error" if chosen.log_level == "info" else chosen.log_level, chosen.log_format)
    part = ["--households", str(households)] if households else []
    part += ["--until", f"{until:%Y-%m-%d}"] if until else []
    try:
        asyncio.run(Demo(chosen, "grocery", part, workers).run())
    except asyncio.CancelledError:
        raise click.Abort from None
