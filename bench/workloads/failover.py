"""Failover: one of two supervised workers is killed under a steady stream; how long its partitions are silent."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from itertools import pairwise
from statistics import median
from time import monotonic
from typing import Final

from agents.transport.supervisor import Supervisor
from bench import meter
from bench.kafka import Kafka
from bench.rounds import Line, Plan
from bench.verify import Wrong
from tests.toy_deployment import PARTITIONS, ToyDeployment
from tests.toy_judge import FLAWLESS, flaws

RATE: Final = 2_000
EVENTS, EVENTS_QUICK = 20_000, 8_000
PATIENCE_S: Final = 120.0


def measure(kafka: Kafka, plan: Plan) -> Line:
    """Kill, wait until everything is there, and judge it."""
    events = EVENTS_QUICK if plan.quick else EVENTS
    deployment = ToyDeployment(kafka.address, kafka.home)
    try:
        before = meter.read([], kafka.pid)
        killed_at, seen = asyncio.run(_kill(deployment, events))
        passed = meter.read([], kafka.pid).since(before)
        wrong = flaws(deployment.judge())
    finally:
        deployment.close()
    if wrong != FLAWLESS:
        raise Wrong(f"after a kill: {wrong}")
    pauses = pauses_after(killed_at, seen)
    del passed["others"]  # the workers are the supervisor's, and who is dead has no clock
    return passed | {"slowest_s": max(pauses), "median_s": median(pauses)}


def pauses_after(instant: float, seen: list[tuple[float, int, bytes | None]]) -> list[float]:
    """Return the longest silence of each partition from an instant on; `seen` is (when, partition, value)."""
    pauses = []
    for partition in range(PARTITIONS):
        times = [instant, *(at for at, number, _ in seen if number == partition and at > instant)]
        pauses.append(max(later - earlier for earlier, later in pairwise(times)))
    return pauses


async def _kill(deployment: ToyDeployment, events: int) -> tuple[float, list[tuple[float, int, bytes | None]]]:
    commands = [deployment.command(name) for name in ("w0", "w1")]
    supervisor = Supervisor(deployment.broker, deployment.group, commands, lambda _line: None)
    running = asyncio.create_task(supervisor.run())
    tail = deployment.tail()
    feeder = deployment.feeding(events, RATE)
    try:
        await _wait(lambda: tail.count(0) >= events * 2 // 5, "a steady stream")
        killed_at = monotonic()
        os.kill(supervisor.pids()[f"{deployment.group}-w0"], signal.SIGKILL)
        await _wait(lambda: tail.count(0) >= events, "the last event")
        return killed_at, tail.seen
    finally:
        feeder.join()
        tail.close()
        supervisor.stop()
        await running


async def _wait(condition: Callable[[], bool], what: str) -> None:
    """Return as soon as the condition holds, letting the supervisor run meanwhile."""
    deadline = monotonic() + PATIENCE_S
    while not condition():
        if monotonic() > deadline:
            raise SystemExit(f"failover: waited {PATIENCE_S:g} s for {what}")
        await asyncio.sleep(0.01)
