"""Workers killed with -9: at random moments, at named points of their work, one of them or all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from tests.faults.transport.points import set_trap, trap
from tests.faults.transport.stage import Stage

KILLS_MAX = 4


async def kill_one_by_one(stage: Stage) -> None:
    """Kill a random worker at several random moments."""
    for share in _moments(stage, stage.chance.randint(2, KILLS_MAX)):
        await stage.wait_share(share)
        stage.progress.mark()
        await stage.wait(lambda: stage.kill() != "", "a worker to kill")


async def kill_all(stage: Stage) -> None:
    """Kill all workers at once, two or three times."""
    for share in _moments(stage, stage.chance.randint(2, 3)):
        await stage.wait_share(share)
        await stage.wait(lambda: len(stage.pids()) == len(stage.fault.workers), "all workers to run")
        stage.progress.mark()
        for name in sorted(stage.pids()):
            stage.kill(name)


def kill_at(point: str, *, helped: bool = False) -> Callable[[Stage], Awaitable[None]]:
    """Return what has workers kill themselves at a point, twice; `helped`: another is killed, and they come there."""

    async def inject(stage: Stage) -> None:
        for share in _moments(stage, 2, latest=0.5):  # somebody has to come by afterwards
            await stage.wait_share(share)
            await stage.wait(lambda: len(stage.pids()) == len(stage.fault.workers), "all workers to run")
            stage.progress.mark()
            set_trap(stage.home, point)
            if helped:
                stage.kill()
            await stage.wait(lambda: not trap(stage.home, point).exists(), f"a worker to pass the point {point!r}")
            stage.note(f"died at {point}")

    return inject


def killed(stage: Stage) -> str:
    """Return how many workers were killed."""
    return f"{times}× killed" if (times := stage.ended("Killed")) else ""


def died_at_point(stage: Stage) -> str:
    """Return how many workers killed themselves where the traps were."""
    times = sum(line.startswith("died at") for line in stage.notes)
    return f"{times}× {stage.notes[0]}" if times and stage.ended("Killed") >= times else ""


def _moments(stage: Stage, count: int, latest: float = 0.9) -> list[float]:
    return sorted(stage.chance.uniform(0.02, latest) for _ in range(count))
