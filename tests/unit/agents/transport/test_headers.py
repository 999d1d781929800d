"""Records whose headers have names that are no UTF-8."""

from __future__ import annotations

from typing import Any

import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder, _DefaultRecordBatchBuilderPy
from aiokafka.record.memory_records import MemoryRecords

from agents.transport.headers import AnyRecords

GZIP = 1


def batch(*records: tuple[bytes, list[tuple[str, bytes | None]]], compression: int = 0, offset: int = 0) -> bytes:
    """Return a batch of records, in whose headers' names each `?` is a byte that is no UTF-8."""
    builder = _DefaultRecordBatchBuilderPy(2, compression, 0, -1, -1, -1, 1 << 20)
    for place, (value, headers) in enumerate(records):
        builder.append(place, 1_500_000_000_000 + place, b"k", value, headers)
    builder._buffer = builder._buffer.replace(b"?", b"\xe9")
    built = bytearray(builder.build())
    built[:8] = offset.to_bytes(8, "big")
    return bytes(built)


def read(data: bytes) -> list[Any]:
    records, found = AnyRecords(data), []
    while records.has_next():
        one = records.next_batch()
        assert one is not None
        assert one.validate_crc()
        found += [*one]
    assert records.size_in_bytes() == len(data)
    return found


@pytest.mark.parametrize("compression", [0, GZIP])
def test_a_record_with_such_a_name_is_read_with_all_others_of_its_batch(compression: int) -> None:
    told: list[tuple[bytes, list[tuple[str, bytes | None]]]] = [
        (b"one", [("trace", b"1")]), (b"two", [("caf?", b"\xff"), ("x", None)]), (b"three", []),
    ]  # fmt: skip
    found = read(batch(*told, compression=compression))
    assert [(one.offset, one.key, one.value) for one in found] == [
        (0, b"k", b"one"), (1, b"k", b"two"), (2, b"k", b"three"),
    ]  # fmt: skip
    assert [one.headers for one in found] == [[("trace", b"1")], [("caf\\xe9", b"\xff"), ("x", None)], []]
    assert all(type(one.value) is bytes and type(one.key) is bytes for one in found)


def test_batches_before_and_behind_it_are_aiokafkas_own() -> None:
    good = batch((b"a", [("x", b"1")]))
    found = read(good + batch((b"b", [("?", b"")]), offset=1) + batch((b"c", []), offset=2))
    assert [(one.offset, one.value) for one in found] == [(0, b"a"), (1, b"b"), (2, b"c")]
    assert type(found[0]) is type(found[2])


def test_all_else_that_a_batch_is_asked_is_asked_of_aiokafka() -> None:
    one = AnyRecords(batch((b"a", []), (b"b", []))).next_batch()
    assert one is not None
    assert (one.base_offset, one.next_offset, one.producer_id) == (0, 2, -1)
    assert (one.is_control_batch, one.is_transactional) == (False, False)
    assert DefaultRecordBatchBuilder is not _DefaultRecordBatchBuilderPy, "this aiokafka has no reader but a plain one"


def test_aiokafka_itself_still_ends_at_such_a_name() -> None:
    one = MemoryRecords(batch((b"a", [("?", b"")]))).next_batch()
    with pytest.raises(UnicodeDecodeError):
        list(one)
