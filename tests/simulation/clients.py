"""The clients of aiokafka that the transport uses, on the simulated log: what of them is called, and no more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Final, Self

from aiokafka import TopicPartition

from tests.simulation.log import Log, Message, Record
from tests.simulation.network import Line

BATCH_RECORDS_MAX: Final = 4  # so that what one turn says takes several batches
FETCH_RECORDS_MAX: Final = 12  # of a partition, so that a restore takes several fetches

Fetched = dict[TopicPartition, list[Record]]
Looked = dict[TopicPartition, tuple[int, list[Record], int]]  # from which offset, what, until which


class Batch:
    """Records for one partition."""

    def __init__(self) -> None:
        self.messages: Final[list[Message]] = []

    def append(
        self, *, timestamp: int, key: bytes | None, value: bytes | None, headers: Iterable[tuple[str, bytes]] = ()
    ) -> object | None:
        """Take a record; None where there is no room."""
        if len(self.messages) >= BATCH_RECORDS_MAX:
            return None
        self.messages.append(Message(key, value, tuple(headers), timestamp))
        return self

    def close(self) -> None:
        """Take no more, which nobody tries."""


class SimulatedProducer:
    """A transactional producer."""

    def __init__(self, log: Log, line: Line, transactional_id: str) -> None:
        self._log: Final = log
        self._line: Final = line
        self._id: Final = transactional_id
        self._epoch = 0

    async def start(self) -> None:
        self._epoch = await self._line.call(f"fence {self._id}", lambda: self._log.begin(self._id), is_write=True)

    async def write(self, what: str, carry_out: Callable[[], None], place: TopicPartition | None = None) -> None:
        """Send a request that changes the log; those to one partition arrive in order."""
        order = (self._line, place) if place else None
        await self._line.call(what, carry_out, order=order, is_write=True)

    async def stop(self) -> None:
        """Abort nothing: the next one with this id does."""

    async def begin_transaction(self) -> None:
        """Say nothing yet: the first record says it."""

    def create_batch(self) -> Batch:
        return Batch()

    async def send_batch(self, batch: Batch, topic: str, *, partition: int) -> asyncio.Future[None]:
        place = TopicPartition(topic, partition)

        def carry_out() -> None:
            self._log.produce(self._id, self._epoch, place, batch.messages)

        return asyncio.create_task(self.write(f"send {len(batch.messages)} to {topic}/{partition}", carry_out, place))

    async def commit_transaction(self) -> None:
        def carry_out() -> None:
            self._log.end(self._id, self._epoch, is_committed=True)

        await self.write(f"commit {self._id}", carry_out)


class SimulatedConsumer:
    """A consumer outside any group."""

    def __init__(self, log: Log, line: Line, *, committed: bool) -> None:
        self._log: Final = log
        self._line: Final = line
        self._committed: Final = committed
        self._positions: dict[TopicPartition, int] = {}

    async def start(self) -> None:
        """Need nothing."""

    async def stop(self) -> None:
        """Leave nothing."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Leave nothing."""

    async def beginning_offsets(self, tps: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(tps, 0)

    async def end_offsets(self, tps: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        asked = list(tps)
        return await self._line.call(
            "ask for ends", lambda: {tp: self._log.end_offset(tp, committed=self._committed) for tp in asked}
        )

    def assign(self, tps: Iterable[TopicPartition]) -> None:
        self._positions = dict.fromkeys(tps, 0)

    def seek(self, tp: TopicPartition, offset: int) -> None:
        self._positions[tp] = offset

    async def position(self, tp: TopicPartition) -> int:
        return self._positions[tp]

    async def getmany(self, *tps: TopicPartition, timeout_ms: int, max_records: int = FETCH_RECORDS_MAX) -> Fetched:
        """Return a few records of each partition, as soon as there are any."""
        places = tps or tuple(self._positions)
        size = min(FETCH_RECORDS_MAX, max_records)

        nothing_at = -1  # the log's number of changes when there was nothing

        def is_due() -> bool:
            nonlocal nothing_at
            if nothing_at == self._log.changes:
                return False
            for tp in places:
                if self._positions[tp] < self._log.end_offset(tp, committed=self._committed):
                    return True
            nothing_at = self._log.changes
            return False

        def look() -> Looked:
            begin = {tp: self._positions[tp] for tp in places}
            return {tp: (at, *self._log.fetch(tp, at, size, committed=self._committed)) for tp, at in begin.items()}

        fetched: Fetched = {}
        looked = await self._line.call("fetch", look, is_due=is_due, patience_s=timeout_ms / 1000, otherwise=Looked)
        for tp, (begin, records, end) in looked.items():
            if self._positions[tp] != begin:
                continue  # sought meanwhile
            self._positions[tp] = end
            if records:
                fetched[tp] = records
        return fetched
