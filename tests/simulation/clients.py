"""The clients of aiokafka that the transport uses, on the simulated log: what of them is called, and no more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Self

from aiokafka import TopicPartition
from aiokafka.errors import IllegalGenerationError, UnknownMemberIdError

from agents.transport.transactions import Membership
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
        self.count = 0  # as whoever writes has counted

    def write(
        self, number: int, timestamp: int, key: bytes | None, value: bytes | None, headers: Iterable[tuple[str, bytes]]
    ) -> object | None:
        """Take a record; None where there is no room."""
        if len(self.messages) >= BATCH_RECORDS_MAX:
            return None
        assert number == len(self.messages)
        self.messages.append(Message(key, value, tuple(headers), timestamp))
        return self


class SimulatedTransactions:
    """The transactions of one transactional id."""

    def __init__(self, log: Log, line: Line, transactional_id: str) -> None:
        self.id: Final = transactional_id
        self._log: Final = log
        self._line: Final = line
        self._epoch = 0

    async def start(self) -> None:
        self._epoch = await self._line.call(f"fence {self.id}", lambda: self._log.begin(self.id), is_write=True)

    async def write(self, what: str, carry_out: Callable[[], None], place: TopicPartition | None = None) -> None:
        """Send a request that changes the log; those to one partition arrive in order."""
        order = (self._line, place) if place else None
        await self._line.call(what, carry_out, order=order, is_write=True)

    def open_batch(self) -> Batch:
        return Batch()

    async def send(self, batches: Mapping[TopicPartition, Sequence[Batch]]) -> None:
        """Let each batch be a request of its own, so that they arrive one by one."""
        await asyncio.gather(*(self._send(place, batch) for place, ones in batches.items() for batch in ones))

    async def _send(self, place: TopicPartition, batch: Batch) -> None:
        assert batch.count == len(batch.messages) > 0

        def carry_out() -> None:
            self._log.produce(self.id, self._epoch, place, batch.messages)

        await self.write(f"send {batch.count} to {place.topic}/{place.partition}", carry_out, place)

    async def commit(self, offsets: Mapping[TopicPartition, int], member: Membership) -> None:
        assert offsets

        def carry_out() -> None:
            self._log.commit_offsets(self.id, self._epoch, member.member_id, member.generation)

        try:
            await self.write(f"commit offsets in generation {member.generation}", carry_out)
        except (IllegalGenerationError, UnknownMemberIdError):
            await self._end(is_committed=False)
            raise
        await self._end(is_committed=True)

    async def fence_others(self, prefix: str, living: Iterable[str]) -> None:
        ids = await self._line.call("list transactions", self._log.unfenced)
        for gone in sorted({one for one in ids if one.startswith(prefix)}.difference(living, [self.id])):
            await SimulatedTransactions(self._log, self._line, gone).start()

    async def _end(self, *, is_committed: bool) -> None:
        def carry_out() -> None:
            self._log.end(self.id, self._epoch, is_committed=is_committed)

        await self.write(f"{'commit' if is_committed else 'abort'} {self.id}", carry_out)


class SimulatedConnections:
    """What a worker commits on."""

    async def bootstrap(self) -> None:
        """Need nothing."""

    async def close(self) -> None:
        """Leave nothing."""


async def fetch(consumer: SimulatedConsumer, tps: Iterable[TopicPartition], timeout_s: float) -> Fetched:
    """Fetch, as `agents.transport.fetched` does of aiokafka's consumer."""
    return await consumer.getmany(*tps, timeout_ms=int(timeout_s * 1000))


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
