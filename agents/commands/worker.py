"""Run one worker: the seven stages for its share of the partitions."""

import click


@click.command("worker")
@click.option("--web-port", type=click.IntRange(1, 65535), help="Port of /metrics, /health and /ready (6066).")
@click.option("--name", default="worker", show_default=True, help="Its name among the workers of the deployment.")
def command(web_port: int | None, name: str) -> None:
    """Run one worker in the foreground until SIGTERM.

    A worker takes its share of the partitions, restores their state, and commits outputs, state and positions
    together. Start as many as there are cores, up to the number of partitions; `continuo run` starts and restarts
    them for you.

    \b
    Exit codes:
      0   drained
      70  the transport failed: start it again
      78  do not start it again before something is changed; it says what

    \b
    Environment:
      CONTINUO_BROKER      another Kafka instead of the embedded one
      CONTINUO_NAMESPACE   first word of the topics (continuo)
      CONTINUO_PARTITIONS  partitions of every keyed topic (8)
      CONTINUO_MODE        live or history (live)
      CONTINUO_WEB_PORT    port of /metrics, /health and /ready (6066)
      CONTINUO_TRACES      OpenTelemetry collector that gets spans of sampled events (none)
    """  # noqa: D301 - \b is click's mark for "do not re-wrap"
    from agents import log, settings
    from agents.app import new_app
    from agents.transport.worker import run_worker

    told = settings.load(web_port=web_port)
    log.configure(told.log_level, told.log_format)
    run_worker(new_app(told, name))
