"""Workers killed with -9 at random, again and again: nothing lost, nothing twice, no row wrong."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from time import monotonic

import pytest

from agents.transport.supervisor import Supervisor
from tests.toy_deployment import PARTITIONS, ToyDeployment
from tests.toy_judge import FLAWLESS, flaws

pytestmark = pytest.mark.kafka

EVENTS = 60_000
RATE = 4_000
KILLS = 5


async def wait_for(condition: Callable[[], bool], deadline_s: float, what: str) -> None:
    """Return as soon as the condition holds, letting the supervisor run meanwhile."""
    deadline = monotonic() + deadline_s
    while not condition():
        assert monotonic() < deadline, f"waited {deadline_s} s for {what}"
        await asyncio.sleep(0.02)


def test_a_storm_of_kills_changes_nothing(broker: str, tmp_path: Path) -> None:
    seed = int(os.environ.get("SEED", random.randrange(10_000)))
    print(f"SEED={seed}")  # noqa: T201 — to run the same storm again
    chance = random.Random(seed)
    deployment = ToyDeployment(broker, tmp_path)
    asyncio.run(storm(deployment, chance))
    judgement = deployment.judge()
    assert flaws(judgement) == FLAWLESS, f"SEED={seed}"
    assert judgement.events == EVENTS


def kill_one(supervisor: Supervisor, chance: random.Random) -> bool:
    """Kill a worker; False if there is none, or the one drawn is dead and the supervisor has yet to hear of it."""
    pids = sorted(supervisor.pids().values())
    try:
        os.kill(chance.choice(pids), signal.SIGKILL)
    except (IndexError, ProcessLookupError):
        return False
    return True


async def storm(deployment: ToyDeployment, chance: random.Random) -> None:
    supervisor = Supervisor(deployment.broker, deployment.group, [deployment.command(name) for name in ("w0", "w1")])
    running = asyncio.create_task(supervisor.run())
    tail = deployment.tail()
    feeder = deployment.feeding(EVENTS, RATE)
    marks = sorted(chance.randrange(EVENTS // 10, EVENTS) for _ in range(KILLS))
    for mark in marks:
        await wait_for(lambda: tail.count(0) >= mark and len(supervisor.pids()) > 0, 60, f"{mark} events")  # noqa: B023
        await wait_for(lambda: kill_one(supervisor, chance), 10, "a worker to kill")
    await wait_for(lambda: tail.count(0) >= EVENTS, 60, "the last event")
    feeder.join()
    tail.close()
    supervisor.stop()
    assert await running == 0


def test_the_others_take_over_a_killed_workers_partitions_within_two_seconds(broker: str, tmp_path: Path) -> None:
    deployment = ToyDeployment(broker, tmp_path)
    pauses = asyncio.run(fail_over(deployment))
    assert max(pauses) < 2.0, pauses
    assert flaws(deployment.judge()) == FLAWLESS


async def fail_over(deployment: ToyDeployment) -> list[float]:
    """Kill one of two workers under a steady stream; return each partition's longest silence after the kill."""
    supervisor = Supervisor(deployment.broker, deployment.group, [deployment.command(name) for name in ("w0", "w1")])
    running = asyncio.create_task(supervisor.run())
    tail = deployment.tail()
    feeder = deployment.feeding(20_000, 2_000)
    await wait_for(lambda: tail.count(0) >= 8_000, 60, "a steady stream")
    killed_at = monotonic()
    os.kill(supervisor.pids()[f"{deployment.group}-w0"], signal.SIGKILL)
    await wait_for(lambda: tail.count(0) >= 20_000, 60, "the last event")
    feeder.join()
    tail.close()
    supervisor.stop()
    assert await running == 0
    pauses = []
    for partition in range(PARTITIONS):
        times = [killed_at, *(at for at, number, _ in tail.seen if number == partition and at > killed_at)]
        pauses.append(max(later - earlier for earlier, later in pairwise(times)))
    return pauses
