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
from typing import Any, Final, Protocol

from aiokafka import TopicPartition

from agents.telemetry import Telemetry
from agents.transport.applier import Turn
from agents.transport.errors import die
from agents.transport.positions import POSITION_KEY, Snapshot
from agents.transport.transactions import Batch, Membership, Transactions

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
        self.pace = pace
        self.telemetry = telemetry
        self.member = Membership("", -1, "")  # as what the shards are held
        self.shares: dict[int, Share] = {}
        self._changelog = changelog
        self._on_commit = on_commit
        self._is_early = is_early
        self._interval_s = pace.interval_s_min
        self._routes: dict[tuple[str, int], _Route] = {}
        self._early_routes: list[_Route] = []
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
        share = self.shares[partition] = Share(self, partition, place)
        return share

    def open(self, topic: str, partition: int) -> _Route:
        """Return where records of a partition go."""
        route = self._routes.get((topic, partition))
        if route is None:
            route = self._routes[topic, partition] = _Route(self.transactions, TopicPartition(topic, partition))
            if self._is_early(topic):
                self._early_routes.append(route)
        return route

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
                early = {route.tp: route.take() for route in self._early_routes if route.batches}
                if early:
                    async with asyncio.timeout(self.pace.timeout_s):
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
        batches = {route.tp: route.take() for route in self._routes.values() if route.batches}
        now = int(time() * 1000)
        offsets: dict[TopicPartition, int] = {}
        for part in taken:
            changelog = _Route(self.transactions, TopicPartition(self._changelog, part.share.partition))
            for key, row in part.changes.items():
                changelog.append(now, key, row, [])
            batches[changelog.tp] = changelog.take()
            offsets |= part.offsets
        if not taken:
            return
        if self.member.generation < 0:  # which a broker takes of anybody
            raise RuntimeError("the worker has work and is no member of its group")
        async with asyncio.timeout(self.pace.timeout_s):
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
            self._interval_s = min(self._interval_s * 2, self.pace.interval_s_max)
        else:
            self._interval_s = max(self._interval_s / 2, self.pace.interval_s_min)


class Placed(Protocol):
    """Who knows where a shard is."""

    def snapshot(self) -> Snapshot:
        """Return the position as of now."""

    def offsets(self) -> dict[TopicPartition, int]:
        """Return, for each source that the group reads, the next offset as of now."""


@dataclass(frozen=True, slots=True)
class _Part:
    """What a commit takes of one shard."""

    share: Share
    records: int
    changes: dict[bytes, bytes | None]
    snapshot: Snapshot
    offsets: dict[TopicPartition, int]


class Share:
    """One shard's part in its worker's commits."""

    def __init__(self, committer: Committer, partition: int, place: Placed) -> None:
        """Take part, with nothing yet."""
        self.partition = partition
        self.pending = 0  # records applied and not committed
        self._committer = committer
        self._place = place
        self._told: dict[TopicPartition, int] = {}  # offsets that the group has
        self._pending_max = committer.pace.pending_max
        self._routes: dict[tuple[str, int | None], _Route] = {}
        self._changes: dict[bytes, bytes | None] = {}
        self._added = 0  # records since the last commit was taken
        self._is_dirty = False
        self._clean = asyncio.Event()
        self._clean.set()
        number = str(partition)
        self._pending_records = committer.telemetry.gauge("continuo_transport_pending_records", number)
        self._step = committer.telemetry.gauge("continuo_transport_step", number)

    def add(self, turn: Turn, now: int) -> None:
        """Take one turn into the next transaction; `now` is the wall clock in ms."""
        routes = self._routes
        for topic, partition, key, value, headers in turn.outputs:
            route = routes.get((topic, partition)) or self._open(topic, partition)
            if route.write(route.count, now, key, value, headers) is None:
                route.begin(now, key, value, headers)
            else:
                route.count += 1
        self._changes.update(turn.changes)
        self.pending += turn.consumed
        self._added += turn.consumed
        self._is_dirty = True
        self._clean.clear()
        self._committer.wake(urgently=self.pending * 2 >= self._pending_max)

    def has_room(self) -> bool:
        """Tell whether another turn may be added."""
        return self.pending < self._pending_max

    async def drain(self) -> None:
        """Commit what was added and wait for it."""
        if not self._clean.is_set():
            self._committer.wake(urgently=True)
            await self._clean.wait()

    async def stop(self) -> None:
        """Take part no more; what was not committed is lost, so `drain` first."""
        self._committer.shares.pop(self.partition, None)

    def take(self) -> _Part | None:
        """Return what is to be committed of it now, if anything."""
        if not self._is_dirty:
            return None
        snapshot, offsets = self._place.snapshot(), self._place.offsets()
        changes, self._changes = self._changes, {}
        changes[POSITION_KEY] = snapshot.record
        records, self._added = self._added, 0
        self._is_dirty = False
        moved = {tp: offset for tp, offset in offsets.items() if self._told.get(tp) != offset}
        self._told = offsets
        return _Part(self, records, changes, snapshot, moved or offsets)

    def settle(self, part: _Part) -> None:
        """Note that this part is committed."""
        self.pending -= part.records
        if not self._is_dirty:
            self._clean.set()
        self._pending_records.set(self.pending)
        self._step.set(part.snapshot.step)

    def _open(self, topic: str, partition: int | None) -> _Route:
        route = self._committer.open(topic, self.partition if partition is None else partition)
        self._routes[topic, partition] = route
        return route


class _Route:
    """Batches on their way to one partition of one topic, in order.

    Whoever has a record writes it into the last batch: `write(count, …)`, then `count += 1`, or `begin` where it was
    refused. A function around that would cost as much as the writing.
    """

    __slots__ = ("_transactions", "batches", "count", "tp", "write")

    def __init__(self, transactions: Transactions, tp: TopicPartition) -> None:
        self._transactions, self.tp = transactions, tp
        self.batches: list[Batch] = []
        self.count = 0  # records in the last batch
        self.write: Callable[..., Any] = _refuse  # into the last batch; returns None when that one is full

    def begin(self, now: int, key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]) -> None:
        """Begin another batch; its first record is taken however large, for limits are the topics' and the broker's."""
        self._seal()
        batch = self._transactions.open_batch()
        self.batches.append(batch)
        self.write = batch.write
        self.write(0, now, key, value, headers)
        self.count = 1

    def append(self, now: int, key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]) -> None:
        """Write one record."""
        if self.write(self.count, now, key, value, headers) is None:
            self.begin(now, key, value, headers)
        else:
            self.count += 1

    def take(self) -> list[Batch]:
        """Return the batches and begin anew."""
        self._seal()
        taken, self.batches = self.batches, []
        return taken

    def _seal(self) -> None:
        if self.batches:
            self.batches[-1].count = self.count
        self.count, self.write = 0, _refuse


def _refuse(*_: object) -> None:
    """Stand for a batch that is not there: it takes nothing."""
