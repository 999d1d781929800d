"""One shard's transactions: outputs, changed rows and position, all or nothing.

Theory of operation. A turn is added at once to open batches (outputs) and to a dict (rows: one record per changed key
and commit). A commit takes all of it, together with the position as of that moment, sends it in one transaction and
waits for the broker. While it waits the next turns are added. Topics whose readers may see the uncommitted are sent as
soon as they are computed, inside the transaction that commits them later.
CPU follows commits, so the interval grows while commits are full and shrinks while they are small; a commit that comes
after a pause does not wait at all. Every error ends the process: after an unclear answer only the log knows.
Whoever wants one transaction for all shards of a worker replaces this class: nobody else knows of a transaction.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic, time
from typing import Any, Final

from aiokafka import AIOKafkaProducer

from agents.telemetry import Telemetry
from agents.transport.applier import Turn
from agents.transport.errors import die
from agents.transport.positions import POSITION_KEY, Place, Snapshot

FULL_COMMIT: Final = 500  # records in a commit from which on the interval grows
STOP_S: Final = 5.0


@dataclass(frozen=True)
class Pace:
    """How often to commit, and what is too much or too long."""

    interval_s_min: float
    interval_s_max: float
    pending_max: int  # records
    timeout_s: float  # of one transaction


class Committer:
    """The one writer of a partition's transactions; `start` fences whoever was it before."""

    def __init__(
        self,
        partition: int,
        producer: AIOKafkaProducer,
        changelog: str,
        snapshot: Callable[[], Snapshot],
        on_commit: Callable[[], None],
        is_early: Callable[[str], bool],
        pace: Pace,
        telemetry: Telemetry,
    ) -> None:
        """Prepare; `snapshot` returns the shard's position as of now, `on_commit` is told of each commit."""
        self.partition = partition
        self.pending = 0  # records applied and not committed
        self.committed: dict[str, Place] = {}  # by topic
        self._producer = producer
        self._changelog = changelog
        self._snapshot = snapshot
        self._on_commit = on_commit
        self._is_early = is_early
        self._pace = pace
        self._interval_s = pace.interval_s_min
        self._routes: dict[tuple[str, int | None], _Route] = {}
        self._changes: dict[bytes, bytes | None] = {}
        self._added = 0  # records since the last commit was taken
        self._dirty = False
        self._urgent = False
        self._early_routes: list[_Route] = []
        self._begun = False
        self._sent: list[asyncio.Future[Any]] = []
        self._wake = asyncio.Event()
        self._clean = asyncio.Event()
        self._clean.set()
        self._task: asyncio.Task[None] | None = None
        number = str(partition)
        self._commits = telemetry.counter("continuo_transport_commits_total", number)
        self._seconds = telemetry.histogram("continuo_transport_commit_seconds")
        self._pending_records = telemetry.gauge("continuo_transport_pending_records", number)
        self._step = telemetry.gauge("continuo_transport_step", number)

    async def start(self) -> None:
        """Fence the previous owner and abort what it left open: from here on only this process writes."""
        await self._producer.start()
        self._task = asyncio.create_task(self._run(), name=f"committer-{self.partition}")

    def add(self, turn: Turn, now: int) -> None:
        """Take one turn into the next transaction; `now` is the wall clock in ms."""
        routes = self._routes
        for topic, partition, key, value, headers in turn.outputs:
            route = routes.get((topic, partition)) or self._open(topic, partition)
            if route.append(timestamp=now, key=key, value=value, headers=headers) is None:
                route.begin(key, value, headers, now)
        self._changes.update(turn.changes)
        self.pending += turn.consumed
        self._added += turn.consumed
        self._dirty = True
        self._clean.clear()
        if self.pending * 2 >= self._pace.pending_max:
            self._urgent = True
        self._wake.set()

    def has_room(self) -> bool:
        """Tell whether another turn may be added."""
        return self.pending < self._pace.pending_max

    async def drain(self) -> None:
        """Commit what was added and wait for it."""
        self._urgent = True
        self._wake.set()
        await self._clean.wait()

    async def stop(self) -> None:
        """Release the producer; what was not committed is lost, so `drain` first."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        # A producer that was fenced meanwhile may refuse to stop; it is gone either way.
        with contextlib.suppress(Exception):
            await asyncio.wait_for(self._producer.stop(), STOP_S)

    def _open(self, topic: str, partition: int | None) -> _Route:
        route = _Route(self._producer, topic, self.partition if partition is None else partition)
        self._routes[topic, partition] = route
        if self._is_early(topic):
            self._early_routes.append(route)
        return route

    async def _run(self) -> None:
        last = 0.0
        loop = asyncio.get_running_loop()
        timer: asyncio.TimerHandle | None = None
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                early = [route for route in self._early_routes if route.is_open()]
                if early:
                    await self._begin()
                    for route in early:
                        self._sent += await route.send()
                if not self._dirty:
                    continue
                wait_s = last + self._interval_s - monotonic()
                if wait_s > 0 and not self._urgent:
                    if timer is not None:
                        timer.cancel()
                    timer = loop.call_later(wait_s, self._wake.set)
                    continue
                last = monotonic()
                await self._commit()
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 — whatever it is, the transaction's fate is unknown
            die(f"the transaction of partition {self.partition} failed", error)

    async def _begin(self) -> None:
        if not self._begun:
            await self._producer.begin_transaction()
            self._begun = True

    async def _commit(self) -> None:
        began = monotonic()
        snapshot = self._snapshot()
        changes, self._changes = self._changes, {}
        changes[POSITION_KEY] = snapshot.record
        records, self._added = self._added, 0
        self._dirty = self._urgent = False
        now = int(time() * 1000)
        changelog = _Route(self._producer, self._changelog, self.partition)
        for key, row in changes.items():
            if changelog.append(timestamp=now, key=key, value=row) is None:
                changelog.begin(key, row, [], now)
        taken = [route.take() for route in self._routes.values() if route.is_open()]
        async with asyncio.timeout(self._pace.timeout_s):
            await self._begin()
            for route in [*taken, changelog]:
                self._sent += await route.send()
            for sent in self._sent:
                await sent
            await self._producer.commit_transaction()
        self._sent.clear()
        self._begun = False
        self.pending -= records
        self.committed = snapshot.places
        self._adapt(records)
        if not self._dirty:
            self._clean.set()
        self._commits.inc()
        self._seconds.observe(monotonic() - began)
        self._pending_records.set(self.pending)
        self._step.set(snapshot.step)
        self._on_commit()

    def _adapt(self, records: int) -> None:
        if records >= FULL_COMMIT:
            self._interval_s = min(self._interval_s * 2, self._pace.interval_s_max)
        else:
            self._interval_s = max(self._interval_s / 2, self._pace.interval_s_min)


class _Route:
    """Batches on their way to one partition of one topic, in order."""

    __slots__ = ("_batches", "_partition", "_producer", "_topic", "append")

    def __init__(self, producer: AIOKafkaProducer, topic: str, partition: int) -> None:
        self._producer, self._topic, self._partition = producer, topic, partition
        self._batches: list[Any] = []
        self.append: Callable[..., Any] = _refuse  # of the last batch; None when that one is full

    def begin(self, key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]], now: int) -> None:
        """Begin another batch; its first record is taken however large, for limits are the topics' and the broker's."""
        batch = self._producer.create_batch()
        self._batches.append(batch)
        self.append = batch.append
        self.append(timestamp=now, key=key, value=value, headers=headers)

    def is_open(self) -> bool:
        return bool(self._batches)

    def take(self) -> _Route:
        """Return what is here as a route of its own and begin anew."""
        taken = _Route(self._producer, self._topic, self._partition)
        taken._batches, self._batches = self._batches, []
        self.append = _refuse
        return taken

    async def send(self) -> list[asyncio.Future[Any]]:
        batches = self.take()._batches
        for batch in batches:
            batch.close()
        return [await self._producer.send_batch(batch, self._topic, partition=self._partition) for batch in batches]


def _refuse(**_: object) -> None:
    """Stand for a batch that is not there: it takes nothing."""
