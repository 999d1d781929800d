"""One deployment of the whole stream on which a fault is played: it is fed slice by slice, and seen to the end."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import monotonic
from typing import Any, Final

from agents.policy_topic import publish
from streams.records import RawEvent
from tests.faults.case import ACCEPTED, Case, Fed
from tests.faults.feeding import END_MS, Feeding
from tests.faults.storm import OTHERS, ROOT, WORKERS, Storm
from tests.faults.stream.bounds import Bounds
from tests.processes import Deployment


class Scene:
    """What a fault may do and see."""

    def __init__(
        self, deployment: Deployment, chance: random.Random, told: list[RawEvent], seed: int, data: Path, code: Path
    ) -> None:
        """Prepare to feed these events; data: folder of the broker's logs; code: checkout that processes run first."""
        self.deployment: Final = deployment
        self.chance: Final = chance
        self.code: Final = code
        self.told: Final[list[str]] = []  # by supervisors
        self.notes: Final[list[str]] = []  # by the fault, for the record
        self.recovery_s = 0.0  # the longest from a mark until nothing that was fed then waited any more
        self.storm: Final = Storm(deployment, chance, code=code, tell=self.told.append)
        self.bounds: Final = Bounds(deployment, data, self._pids)
        self._feeding: Final = Feeding(told, deployment.partitions, deployment.policy.holdout, seed)
        self._slices: Final = list(self._feeding.slices())
        self._events: Final = sum(part.accepted for part in self._slices)
        self._later: Final[list[dict[str, Any]]] = []  # policies
        self._marks: Final[list[float]] = []  # of what is not recovered from yet

    async def play(self, inject: Callable[[Scene], Awaitable[None]]) -> None:
        """Feed everything while the fault is injected, and wait until all has led to all it leads to.

        Raises AssertionError where something does not come, saying what.
        """
        async with self.storm.raging(*OTHERS):
            self.bounds.start()
            both = [asyncio.ensure_future(one) for one in (self._feed(), inject(self))]
            try:
                await asyncio.gather(*both)
                await self.storm.wait_settled(self._feeding.ends_at, END_MS)
                self._note_recovery()
            finally:
                for one in both:
                    one.cancel()
                await asyncio.to_thread(self.bounds.stop)

    def case(self) -> Case:
        """Return what the judge is told."""
        filters = list(self.deployment.policy.points["checkout"].board.filters)
        fed = [one for part in self._slices for one in part.fed]
        return Case(fed, self._feeding.homes, self.deployment.bundle, filters, self._later)

    # what a fault does

    async def wait_share(self, share: float) -> None:
        """Wait until that share of all events is accepted."""
        await self.storm.wait_count("accepted", int(self._events * share))

    async def publish(self, bundle: dict[str, Any]) -> None:
        """Publish another policy; every shard switches to it between two steps."""
        self._later.append(bundle)
        await publish(self.deployment.broker, self.deployment.namespace, bundle)

    async def kill_worker(self) -> None:
        """Kill a worker with -9."""
        self._marks.append(monotonic())
        await self.storm.kill_worker()

    async def kill_other(self, name: str) -> None:
        """Kill another process with -9."""
        self._marks.append(monotonic())
        await self.storm.kill_other(name)

    async def replace(self, name: str) -> None:
        """Have a process drain, and start it again from this checkout."""
        self._marks.append(monotonic())
        await self.storm.replace(name, ROOT)
        self.notes.append(f"{name} was replaced after {self.storm.watch.counts['decisions']:,} decisions")

    # what a fault sees

    def kills(self) -> tuple[int, int]:
        """Return how many workers were killed, and how many of the other processes, each counted once."""
        killed = self.storm.killed
        workers = sum(killed[name] for name in WORKERS)
        return workers, sum(killed[name] > 0 for name in OTHERS)

    def decided(self) -> list[int]:
        """Return how many decisions name each policy, in the order of publication."""
        return [self.storm.watch.counts[f"decisions under {name}"] for name in self.case().policies]

    def _pids(self) -> dict[str, int]:
        return self.storm.pids(*WORKERS)

    async def _feed(self) -> None:
        """Write slice after slice; the next when all of the last is accepted, or a detour would come out of time."""
        wanted = 0
        for part in self._slices:
            self.storm.feed(part.fed)
            wanted += part.accepted
            await self.storm.wait_count("accepted", wanted)
            self._note_recovery()

    def _note_recovery(self) -> None:
        now = monotonic()
        self.recovery_s = max([self.recovery_s, *(now - mark for mark in self._marks)])
        self._marks.clear()


def distinct(fed: list[Fed]) -> int:
    """Count the distinct events that were fed to be accepted."""
    return sum(one.fate == ACCEPTED for one in fed)
