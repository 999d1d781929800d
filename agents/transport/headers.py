r"""Names of headers that are no UTF-8: a producer may write them, Kafka keeps them, and aiokafka ends at them.

Theory of operation. aiokafka unpacks a fetch batch by batch; a record with such a name raises in the middle of its
batch, at every attempt anew, so one of them would hold up its partition for ever. Here a batch that raises is unpacked
once more by aiokafka's own reader in plain Python, which finds the name with its odd bytes written out (`caf\\xe9`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import _MemoryRecordsPy


def accept_any_header() -> None:
    """Have every consumer of this process take what other clients may have written."""
    fetcher.MemoryRecords = AnyRecords


class AnyRecords(_MemoryRecordsPy):
    """What came of one partition, batch by batch."""

    def next_batch(self) -> AnyBatch | None:
        """Return the next batch, None behind the last one."""
        data = self._next_slice
        batch = super().next_batch()
        return AnyBatch(batch, data) if batch is not None else None


class AnyBatch:
    """One batch as aiokafka has it, but for records that it cannot read."""

    def __init__(self, batch: Any, data: memoryview) -> None:
        self._batch: Final = batch
        self._data: Final = data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        """Return the next record: of a marker, aiokafka reads one."""
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        """Return all records."""
        try:
            return iter([*self._batch])
        except UnicodeDecodeError:
            return iter(_unpacked(self._data))


def _unpacked(data: memoryview) -> list[Any]:
    batch = _DefaultRecordBatchPy(data)
    batch._maybe_uncompress()
    batch._buffer = _Readable(batch._buffer)
    return [*batch]


class _Readable(bytearray):
    """Bytes every slice of which is some text."""

    def __getitem__(self, place: Any) -> Any:
        found = super().__getitem__(place)
        return _Readable(found) if isinstance(place, slice) else found

    def decode(self, encoding: str = "utf-8", _errors: str = "strict") -> str:
        return super().decode(encoding, "backslashreplace")
