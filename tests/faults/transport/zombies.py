"""Workers that stand still (SIGSTOP) until others have taken over or the broker has given up, and then go on."""

from __future__ import annotations

import asyncio

from tests import witness
from tests.faults.transport.stage import Stage
from tests.toy_deployment import PARTITIONS

AGAIN = 2
TRIES = 40


async def freeze_past_session(stage: Stage) -> None:
    """Freeze a worker until the others hold its partitions and have committed in all of them; twice."""
    for turn in range(AGAIN):
        await stage.wait_share(stage.chance.uniform(0.05, 0.3) + turn * 0.3)
        await stage.wait(lambda: len(stage.pids()) == len(stage.fault.workers), "all workers to run")
        victim = stage.chance.choice(sorted(stage.pids()))
        stage.progress.mark()
        stage.freeze(victim)
        try:
            await stage.wait_members(lambda members: members < len(stage.fault.workers))
            before = list(stage.progress.counts)
            await stage.wait(lambda: _all_went_on(stage, before), "the others to commit in all partitions")  # noqa: B023
        finally:
            stage.thaw(victim)


async def freeze_past_transaction(stage: Stage) -> None:
    """Freeze a worker in the midst of its transactions until the broker has aborted them."""
    await stage.wait_share(stage.chance.uniform(0.05, 0.6))
    await stage.wait(lambda: len(stage.pids()) == len(stage.fault.workers), "all workers to run")
    victim = stage.chance.choice(sorted(stage.pids()))
    stage.progress.mark()
    opened: list[str] = []
    for _ in range(TRIES):
        if opened:
            break
        stage.thaw(victim)  # it had none open: again at another moment
        await stage.wait_some_time(stage.chance.uniform(0.0, 0.1))
        stage.freeze(victim)
        opened = await _hidden(stage)
        await stage.wait_some_time(0.3)  # the others' transactions end meanwhile
        opened = [place for place in opened if place in await _hidden(stage)]
    try:
        while set(opened) & set(await _hidden(stage)):
            pass
        if opened:
            stage.note(f"{len(opened)} transactions aborted by the broker")
    finally:
        stage.thaw(victim)


def fenced(stage: Stage) -> str:
    """Return how many workers ended or joined anew because others had taken over."""
    deaths, rejoined = stage.ended("exit code 70"), stage.logged("member_id was not recognized")
    return f"{deaths}× fenced, {rejoined}× not recognized" if deaths + rejoined else ""


def aborted(stage: Stage) -> str:
    """Return how many transactions the broker aborted, where their worker has ended for it."""
    told = [line for line in stage.notes if "aborted by the broker" in line]
    return f"{told[0]}, {stage.ended('exit code 70')}× exit 70" if told and stage.ended("exit code 70") else ""


def _all_went_on(stage: Stage, before: list[int]) -> bool:
    now = stage.progress.counts
    return stage.progress.total >= stage.events or all(later > then for then, later in zip(before, now, strict=True))


async def _hidden(stage: Stage) -> list[str]:
    topics = [stage.deployment.topic("events")]
    return await asyncio.to_thread(witness.hidden, stage.ground.address, topics, PARTITIONS)
