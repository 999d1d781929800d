"""A fetch unpacked whole gives the records that aiokafka gives one by one."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import READ_COMMITTED, READ_UNCOMMITTED, PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords

from agents.transport.fetched import Unpacked

TP = TopicPartition("c.events.v1", 3)
ABORT, COMMIT = 0, 1
ATTRIBUTES = slice(21, 23)  # of a batch's bytes
CONTROL = 0x20
SEEN = ("topic", "partition", "offset", "timestamp", "key", "value")

Told = tuple[int, bytes | None, bytes | None, list[tuple[str, bytes]]]  # offset within the batch, key, value, headers


def batch(first: int, records: Sequence[Told], *, producer: int = -1, is_control: bool = False) -> bytes:
    """Return a batch as it stands in a log, of a transaction where a producer is named."""
    is_transactional = int(producer >= 0)
    builder = DefaultRecordBatchBuilder(2, 0, is_transactional, producer, 0, 0, 1 << 20)
    for offset, key, value, headers in records:
        assert builder.append(offset, 1_700_000_000_000 + offset, key, value, headers) is not None
    made = bytearray(builder.build())
    if is_control:
        made[ATTRIBUTES] = struct.pack(">h", struct.unpack(">h", made[ATTRIBUTES])[0] | CONTROL)
    return struct.pack(">q", first) + bytes(made[8:])


def plain(first: int, count: int, producer: int = -1) -> bytes:
    return batch(first, [(n, b"k%d" % n, b"v%d" % (first + n), []) for n in range(count)], producer=producer)


def marker(offset: int, producer: int, kind: int) -> bytes:
    return batch(offset, [(0, struct.pack(">hh", 0, kind), b"", [])], producer=producer, is_control=True)


LOG = {
    100: plain(100, 3),
    103: batch(103, [(0, None, b"v", [("step", b"1"), ("trace", b"")]), (1, b"k", None, []), (5, b"late", b"", [])]),
    109: plain(109, 2, producer=7),
    111: plain(111, 2, producer=8),
    113: marker(113, 7, ABORT),
    114: marker(114, 8, COMMIT),
    115: plain(115, 1, producer=7),
    116: marker(116, 7, COMMIT),
}  # batches by their first offset
END = 117
ABORTED = [(7, 109)]  # producer, first offset


def fetched(first: int) -> bytes:
    """Return what a broker sends from an offset on: whole batches, from the one that holds it."""
    begin = max(offset for offset in LOG if offset <= first)
    return b"".join(content for offset, content in LOG.items() if offset >= begin)


def packed(content: bytes, first: int, isolation: int, *, check: bool = False) -> PartitionRecords:
    return PartitionRecords(TP, MemoryRecords(content), list(ABORTED), first, None, None, check, isolation)


def seen(record: Any) -> tuple[Any, ...]:
    return (*(getattr(record, name) for name in SEEN), list(record.headers))


@pytest.mark.parametrize("isolation", [READ_COMMITTED, READ_UNCOMMITTED])
@pytest.mark.parametrize("first", [100, 102, 103, 104, 105, 108, 109, 110, 112, 113, 115, 116])
def test_the_records_and_the_position_are_aiokafkas(first: int, isolation: int) -> None:
    theirs, ours = (packed(fetched(first), first, isolation) for _ in range(2))
    unpacked = Unpacked(ours)
    assert [seen(record) for record in unpacked] == [seen(record) for record in theirs]
    assert unpacked.next_fetch_offset == theirs.next_fetch_offset == END


def test_what_was_aborted_and_every_marker_is_left_out() -> None:
    values = [record.value for record in Unpacked(packed(fetched(100), 100, READ_COMMITTED))]
    assert values == [b"v100", b"v101", b"v102", b"v", None, b"", b"v111", b"v112", b"v115"]


def test_a_fetch_of_markers_alone_is_empty_and_moves_on() -> None:
    ours = Unpacked(packed(marker(113, 7, ABORT) + marker(114, 8, COMMIT), 113, READ_COMMITTED))
    assert ours.next_fetch_offset == 113
    assert list(ours) == []
    assert ours.next_fetch_offset == 115


def test_a_byte_that_changed_on_its_way_is_refused() -> None:
    broken = bytearray(plain(100, 3))
    broken[-2] ^= 1
    with pytest.raises(CorruptRecordException, match=r"c\.events\.v1/3"):
        iter(Unpacked(packed(bytes(broken), 100, READ_COMMITTED, check=True)))
