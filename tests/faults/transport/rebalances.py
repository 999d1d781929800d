"""Workers that come and go in good order, again and again, while partitions are on their way from one to the other."""

from __future__ import annotations

import asyncio

from tests.faults.transport.stage import Stage

ROUNDS = 4
GUESTS = ("w2", "w3")
BETWEEN_S = 2.5  # a worker takes longer to start: the next change comes before, in, or after the rebalance of the last


async def storm(stage: Stage) -> None:
    """Have guests join and leave, at moments that do not wait for the group to be at rest."""
    await stage.wait_share(0.02)
    stage.progress.mark()
    for _ in range(ROUNDS):
        stage.start(*GUESTS[: stage.chance.randint(1, 2)])
        await stage.wait_some_time(stage.chance.uniform(0.5, BETWEEN_S))
        leaving = [name for name in GUESTS if name in stage.pids()]
        for name in leaving:
            await stage.wait_some_time(stage.chance.uniform(0.0, 1.0))
            await stage.stop(name)
    await stage.wait_share(0.9)


async def storm_and_kill(stage: Stage) -> None:
    """The same while one of those who stay is killed now and then."""

    async def kill() -> None:
        for _ in range(ROUNDS // 2):
            await stage.wait_some_time(stage.chance.uniform(1.0, 2 * BETWEEN_S))
            await stage.wait(lambda: stage.kill(stage.chance.choice(stage.fault.workers)) != "", "a worker to kill")

    killing = asyncio.create_task(kill())
    await storm(stage)
    await killing


def came_and_went(stage: Stage) -> str:
    """Return how often a guest left in good order, and how many rebalances the workers saw."""
    left, seen = stage.ended("exit code 0"), stage.logged("because it is rebalancing")
    return f"{left}× left, {seen}× rebalancing" if left and seen else ""
