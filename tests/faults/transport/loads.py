"""What is no breakdown and must not become one: bad records among the good ones, and ten times as many as usual."""

from __future__ import annotations

from tests.faults.transport.feeding import Flow
from tests.faults.transport.stage import Stage

SPIKE = (Flow(60_000, 12_000), Flow(240_000, 120_000), Flow(40_000, 12_000))
BACKLOG_MIN = 10_000  # records that wait, or it was no spike for this machine


async def poison(stage: Stage) -> None:
    """Kill a worker once while poison comes: its dead letters, too, are there once."""
    await stage.wait_share(stage.chance.uniform(0.2, 0.8))
    stage.progress.mark()
    stage.kill()


async def spike(stage: Stage) -> None:
    """Watch the backlog grow."""
    stage.progress.mark()
    until = sum(flow.events for flow in SPIKE[:2])
    await stage.wait(lambda: stage.deployment.fed >= until, "the spike to be over")
    backlog = stage.deployment.fed - stage.progress.total
    if backlog >= BACKLOG_MIN:
        stage.note(f"{backlog:,} records waited")


def poisoned(stage: Stage) -> str:
    """Return how many records were bad."""
    return f"{stage.poisoned}× poison" if stage.poisoned else ""
