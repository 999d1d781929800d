"""Run one worker: the seven stages for its share of the partitions."""

from __future__ import annotations

import click

from agents import log, settings


@click.command()
@click.option("--web-port", type=click.IntRange(1, 65535), help="Port of /metrics, /health and /ready; CONTINUO_WEB_PORT.")
@click.option("--name", default="worker", show_default=True, help="This worker's name among those of the deployment.")
def command(web_port: int | None, name: str) -> None:
    """Run one worker in the foreground until SIGTERM.

    A worker takes its share of the partitions, restores their state, and commits outputs, state and positions together. Start as many
    as there are cores, up to the number of partitions; `continuo run` starts and restarts them for you.

    \b
    Exit codes: 0 drained, 70 the transport failed (start it again), 78 do not start it again before something is changed.
    """
    from agents.app import new_app  # noqa: PLC0415  # half a second, which --help need not take
    from agents.transport.worker import run_worker  # noqa: PLC0415

    told = settings.load(web_port=web_port)
    log.configure(told.log_level, told.log_format)
    run_worker(new_app(told, name))
