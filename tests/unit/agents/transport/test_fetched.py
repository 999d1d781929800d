"""What a fetch brought, unpacked."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import READ_COMMITTED, PartitionRecords
from aiokafka.record.memory_records import MemoryRecords

from agents.transport.fetched import Unpacked
from agents.transport.transactions import Batch

TP = TopicPartition("raw-events", 3)


@pytest.fixture
def uncollected() -> Iterator[None]:
    """Collect no garbage: what is freed is freed because nobody holds it."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def fetched(values: list[bytes]) -> PartitionRecords:
    batch = Batch()
    for number, value in enumerate(values):
        batch.write(number, 1_500_000_000_000, b"key", value, [("h", b"1")])
    records = MemoryRecords(bytes(batch.built(7, 0, 0)))
    return PartitionRecords(TP, records, [], 0, None, None, check_crcs=True, isolation_level=READ_COMMITTED)


def test_records_come_out_as_they_went_in() -> None:
    unpacked = Unpacked(fetched([b"first", b"second"]))
    first, second = list(unpacked)
    assert (first.topic, first.partition, first.offset, first.key, first.value) == (*TP, 0, b"key", b"first")
    assert (second.offset, second.value, second.headers) == (1, b"second", [("h", b"1")])
    assert unpacked.next_fetch_offset == 2


@pytest.mark.usefixtures("uncollected")
def test_a_fetch_is_freed_as_soon_as_it_is_unpacked() -> None:
    packed = fetched([b"value"])
    is_there = weakref.ref(packed)
    unpacked = Unpacked(packed)
    assert len(list(unpacked)) == 1
    del packed, unpacked
    assert is_there() is None
