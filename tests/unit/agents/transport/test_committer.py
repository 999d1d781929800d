"""What a committer writes into aiokafka's batches by their builder is what their own `append` would have made of it."""

from __future__ import annotations

import asyncio
from typing import Any

from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.memory_records import MemoryRecords

from agents.transport.committer import _Route

ROOM = 400  # bytes of a batch: a few records
NOW = 1_700_000_000_000

Told = tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]


class Kept:
    """A producer that keeps what it is given."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, int, BatchBuilder]] = []

    def create_batch(self) -> BatchBuilder:
        return BatchBuilder(ROOM, 0, is_transactional=1)

    async def send_batch(self, batch: BatchBuilder, topic: str, *, partition: int) -> Any:
        self.sent.append((topic, partition, batch))


def write(route: _Route, told: list[Told]) -> None:
    for key, value, headers in told:
        if route.write(route.count, NOW, key, value, headers) is None:
            route.begin(NOW, key, value, headers)
        else:
            route.count += 1


def read(sent: list[tuple[str, int, BatchBuilder]]) -> list[list[Told]]:
    """Return what stands in each batch; a batch that does not know how many records it holds fails."""
    batches = []
    for _, _, batch in sent:
        records = list(MemoryRecords(bytes(batch._build())).next_batch())
        assert [record.offset for record in records] == list(range(batch.record_count()))
        batches.append([(record.key, record.value, record.headers) for record in records])
    return batches


def told(count: int) -> list[Told]:
    return [(b"k%d" % n, b"v" * (n % 90), [("step", b"%d" % n)]) for n in range(count)]


def test_records_fill_batch_after_batch_in_order() -> None:
    producer, given = Kept(), told(40)
    route = _Route(producer, "c.events.v1", 3)
    write(route, given)
    asyncio.run(route.send())
    batches = read(producer.sent)
    assert [one for batch in batches for one in batch] == given
    assert len(batches) > 3
    assert {(topic, partition) for topic, partition, _ in producer.sent} == {("c.events.v1", 3)}


def test_what_was_taken_is_sent_whole_while_the_route_begins_anew() -> None:
    producer = Kept()
    route = _Route(producer, "c.events.v1", 3)
    write(route, told(3))
    taken = route.take()
    assert not route.is_open()
    write(route, told(2))
    asyncio.run(taken.send())
    asyncio.run(route.send())
    assert read(producer.sent) == [told(3), told(2)]
    assert not route.is_open()


def test_a_record_larger_than_a_batch_is_taken_alone() -> None:
    producer = Kept()
    route = _Route(producer, "c.events.v1", 3)
    large: Told = (b"k", b"x" * ROOM * 3, [])
    write(route, [*told(1), large, *told(1)])
    asyncio.run(route.send())
    assert read(producer.sent) == [told(1), [large], told(1)]
