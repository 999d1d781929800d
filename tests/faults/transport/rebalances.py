"""Workers that come and go in good order, again and again, while partitions are on their way from one to the other."""

from __future__ import annotations

import asyncio
from itertools import cycle

from tests.faults.transport.stage import Stage

ROUNDS = 5
GUESTS = ("w2", "w3")


async def storm(stage: Stage) -> None:
    """Have guests come and go in turns: as soon as one is a member, or a bit later, it leaves and the other comes."""
    await stage.wait_share(0.02)
    stage.progress.mark()
    guests = cycle(GUESTS)
    guest = next(guests)
    stage.start(guest)
    for _ in range(ROUNDS):
        await stage.wait_members(lambda members: members > len(stage.fault.workers))
        await stage.wait_some_time(stage.chance.choice((0.0, stage.chance.uniform(0.0, 0.6))))
        leaving, guest = guest, next(guests)
        stage.start(guest)
        await stage.stop(leaving)
        stage.note(f"{leaving} came and left")
    await stage.stop(guest)


async def storm_and_kill(stage: Stage) -> None:
    """Do the same while one of those who stay is killed now and then, in the midst of a rebalance as it may come."""

    async def kill() -> None:
        for left in (2, 4):
            await stage.wait(lambda: len(stage.notes) >= left, "a guest to leave")  # noqa: B023
            await stage.wait_some_time(stage.chance.uniform(0.0, 1.0))
            await stage.wait(lambda: stage.kill(stage.chance.choice(stage.fault.workers)) != "", "a worker to kill")

    killing = asyncio.create_task(kill())
    await storm(stage)
    await killing


def came_and_went(stage: Stage) -> str:
    """Return how often a guest came and left in good order."""
    left = stage.ended("exit code 0")
    return f"{left}× left" if left and stage.notes else ""
