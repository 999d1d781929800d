"""A worker's transactions: outputs, changed rows and positions of all its shards, all or nothing.

Theory of operation. A turn is added at once to open batches (outputs) and to a dict (rows: one record per changed key
and commit). A commit takes what all shards have added, together with their positions as of that moment, sends it in
one transaction and waits for the broker. While it waits the next turns are added. Topics whose readers may see the
uncommitted are sent as soon as they are computed, inside the transaction that commits them later.
CPU follows commits, so the interval grows while commits are full and shrinks while they are small; a commit that comes
after a pause does not wait at all. Every error ends the process: after an unclear answer only the log knows.
Who may commit is the group's say: each commit carries offsets under the generation in which the partitions were
assigned (`member`), and is refused in any other. Nobody but this module knows of a transaction.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic, time
from typing import Final

from aiokafka import TopicPartition

from agents.telemetry import Telemetry
from agents.transport.errors import die
from agents.transport.routes import Route, Routes
from agents.transport.share import Placed, Share
from agents.transport.transactions import Membership, Transactions

FULL_COMMIT: Final = 500  # records in a commit from which on the interval grows


@dataclass(frozen=True)
class Pace:
    """How often to commit, and what is too much or too long."""

    interval_s_min: float
    interval_s_max: float
    pending_max: int  # records of a shard
    timeout_s: float  # of one transaction


class Committer:
    """The one writer of a worker's transactions."""

    def __init__(
        self,
        transactions: Transactions,
        changelog: str,
        on_commit: Callable[[], None],
        is_early: Callable[[str], bool],
        pace: Pace,
        telemetry: Telemetry,
    ) -> None:
        """Prepare; `on_commit` is told of each commit."""
        self.transactions = transactions
        self.member = Membership("", -1, "")  # as what the shards are held
        self.shares: dict[int, Share] = {}
        self.routes = Routes(transactions, is_early)
        self.pending_max = pace.pending_max
        self._changelog = changelog
        self._on_commit = on_commit
        self._interval_s = pace.interval_s_min
        self._pace = pace
        self._telemetry = telemetry
        self._is_dirty = False
        self._is_urgent = False
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._commits = telemetry.counter("continuo_transport_commits_total")
        self._seconds = telemetry.histogram("continuo_transport_commit_seconds")

    async def start(self) -> None:
        """Begin to commit."""
        await self.transactions.start()
        self._task = asyncio.create_task(self._run(), name="committer")

    async def stop(self) -> None:
        """Commit nothing more."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def share(self, partition: int, place: Placed) -> Share:
        """Return what a shard gives its turns to; `place` tells where the shard is."""
        share = self.shares[partition] = Share(partition, place, self, self._telemetry)
        return share

    def leave(self, partition: int) -> None:
        """Commit nothing more of this shard."""
        self.shares.pop(partition, None)

    def wake(self, *, urgently: bool = False) -> None:
        """Commit what is there when it is time, or at once."""
        self._is_dirty = True
        self._is_urgent |= urgently
        self._wake.set()

    async def _run(self) -> None:
        last = 0.0
        loop = asyncio.get_running_loop()
        timer: asyncio.TimerHandle | None = None
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                if early := self.routes.take_early():
                    async with asyncio.timeout(self._pace.timeout_s):
                        await self.transactions.send(early)
                if not self._is_dirty:
                    continue
                wait_s = last + self._interval_s - monotonic()
                if wait_s > 0 and not self._is_urgent:
                    if timer is not None:
                        timer.cancel()
                    timer = loop.call_later(wait_s, self._wake.set)
                    continue
                last = monotonic()
                await self._commit()
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 — whatever it is, the transaction's fate is unknown
            die(f"a transaction of partitions {sorted(self.shares)} failed", error)

    async def _commit(self) -> None:
        began = monotonic()
        self._is_dirty = self._is_urgent = False
        taken = [part for share in self.shares.values() if (part := share.take()) is not None]
        batches = self.routes.take()
        now = int(time() * 1000)
        offsets: dict[TopicPartition, int] = {}
        for part in taken:
            changelog = Route(self.transactions, TopicPartition(self._changelog, part.share.partition))
            for key, row in part.changes.items():
                changelog.append(now, key, row, [])
            batches[changelog.tp] = changelog.take()
            offsets |= part.offsets
        if not taken:
            return
        if self.member.generation < 0:  # which a broker takes of anybody
            raise RuntimeError("the worker has work and is no member of its group")
        async with asyncio.timeout(self._pace.timeout_s):
            await self.transactions.send(batches)
            await self.transactions.commit(offsets, self.member)
        for part in taken:
            part.share.settle(part)
        self._adapt(sum(part.records for part in taken))
        self._commits.inc()
        self._seconds.observe(monotonic() - began)
        self._on_commit()

    def _adapt(self, records: int) -> None:
        if records >= FULL_COMMIT:
            self._interval_s = min(self._interval_s * 2, self._pace.interval_s_max)
        else:
            self._interval_s = max(self._interval_s / 2, self._pace.interval_s_min)
