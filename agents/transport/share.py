"""One shard's part in its worker's commits."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Protocol

from aiokafka import TopicPartition

from agents.telemetry import Telemetry
from agents.transport.applier import Turn
from agents.transport.positions import POSITION_KEY, Snapshot
from agents.transport.routes import Route, Routes


class Writer(Protocol):
    """The one writer of a worker's transactions, as a share needs it."""

    routes: Routes
    pending_max: int  # records of a shard

    def wake(self, *, urgently: bool = False) -> None:
        """Commit what is there when it is time, or at once."""

    def leave(self, partition: int) -> None:
        """Commit nothing more of this shard."""


class Placed(Protocol):
    """Who knows where a shard is."""

    def snapshot(self) -> Snapshot:
        """Return the position as of now."""

    def offsets(self) -> dict[TopicPartition, int]:
        """Return, for each source that the group reads, the next offset as of now."""


@dataclass(frozen=True, slots=True)
class Part:
    """What a commit takes of one shard."""

    share: Share
    records: int
    changes: dict[bytes, bytes | None]
    snapshot: Snapshot
    offsets: dict[TopicPartition, int]


class Share:
    """One shard's part in its worker's commits."""

    def __init__(self, partition: int, place: Placed, writer: Writer, telemetry: Telemetry) -> None:
        """Take part, with nothing yet; `place` tells where the shard is."""
        self.partition = partition
        self.pending = 0  # records applied and not committed
        self._writer = writer
        self._place = place
        self._told: dict[TopicPartition, int] = {}  # offsets that the group has
        self._routes: dict[tuple[str, int | None], Route] = {}
        self._changes: dict[bytes, bytes | None] = {}
        self._added = 0  # records since the last commit was taken
        self._is_dirty = False
        self._clean = asyncio.Event()
        self._clean.set()
        number = str(partition)
        self._pending_records = telemetry.gauge("continuo_transport_pending_records", number)
        self._step = telemetry.gauge("continuo_transport_step", number)

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
        self._writer.wake(urgently=self.pending * 2 >= self._writer.pending_max)

    def has_room(self) -> bool:
        """Tell whether another turn may be added."""
        return self.pending < self._writer.pending_max

    async def drain(self) -> None:
        """Commit what was added and wait for it."""
        if not self._clean.is_set():
            self._writer.wake(urgently=True)
            await self._clean.wait()

    async def stop(self) -> None:
        """Take part no more; what was not committed is lost, so `drain` first."""
        self._writer.leave(self.partition)

    def take(self) -> Part | None:
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
        return Part(self, records, changes, snapshot, moved or offsets)

    def settle(self, part: Part) -> None:
        """Note that this part is committed."""
        self.pending -= part.records
        if not self._is_dirty:
            self._clean.set()
        self._pending_records.set(self.pending)
        self._step.set(part.snapshot.step)

    def _open(self, topic: str, partition: int | None) -> Route:
        route = self._writer.routes.open(topic, self.partition if partition is None else partition)
        self._routes[topic, partition] = route
        return route
