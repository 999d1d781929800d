"""What a fetch brought, as records that cost a quarter of aiokafka's.

Theory of operation. aiokafka keeps what it fetched as batches of bytes and makes records of them one by one, through a
generator, two methods and a dataclass of eleven fields: 1.4 µs a record, a quarter of what a simple stream costs. Here
a fetch is unpacked whole. `Unpacked` takes the place of aiokafka's `PartitionRecords` in a fetch's result, so that
positions, pauses and assignments stay aiokafka's; it gives the same records, aborted ones and markers left out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator
from typing import Any, Final

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.consumer.fetcher import READ_COMMITTED, FetchResult, PartitionRecords
from aiokafka.errors import CorruptRecordException


class FetchedRecord(msgspec.Struct, gc=False):
    """One record: what of a `ConsumerRecord` anybody looks at."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


async def fetch(
    consumer: AIOKafkaConsumer, partitions: Collection[TopicPartition], timeout_s: float
) -> dict[TopicPartition, list[FetchedRecord]]:
    """Return what has come from these partitions since the last call, waiting for the first of it at most so long."""
    fetcher = consumer._fetcher
    with fetcher._subscriptions.fetch_context():
        fetched = await _drain(fetcher, partitions)
        if fetched or not timeout_s:
            return fetched
        waiter = fetcher._create_fetch_waiter()
        await asyncio.wait([waiter], timeout=timeout_s)
        if not waiter.done():
            waiter.cancel()
            return {}
        waiter.result()  # raises what went wrong meanwhile
        return await _drain(fetcher, partitions)


async def _drain(fetcher: Any, partitions: Collection[TopicPartition]) -> dict[TopicPartition, list[FetchedRecord]]:
    for result in fetcher._records.values():
        if type(result) is FetchResult and type(result._partition_records) is PartitionRecords:
            result._partition_records = Unpacked(result._partition_records)
    drained: dict[TopicPartition, list[FetchedRecord]] = await fetcher.fetched_records(partitions, timeout=0)
    return drained


class Unpacked:
    """The records of one fetch of one partition."""

    def __init__(self, packed: PartitionRecords) -> None:
        """Take over what aiokafka has fetched and not unpacked."""
        packed._records_iterator = None  # with `packed` it is a cycle, which keeps the fetch's bytes until a collection
        self.next_fetch_offset: int = packed.next_fetch_offset  # aiokafka's name for the position
        self._packed: Final = packed

    def __iter__(self) -> Iterator[FetchedRecord]:
        """Unpack everything; the position is behind it then. Raises CorruptRecordException."""
        tp, batches, first = self._packed._tp, self._packed._records, self.next_fetch_offset
        topic, partition = tp
        records: list[FetchedRecord] = []
        while batches.has_next():
            batch = batches.next_batch()
            if self._packed._check_crcs and not batch.validate_crc():
                raise CorruptRecordException(f"the checksum of a batch of {topic}/{partition} is wrong")
            if not self._is_left_out(batch):
                records += [
                    FetchedRecord(topic, partition, one.offset, one.timestamp, one.key, one.value, one.headers)
                    for one in batch
                ]
            self.next_fetch_offset = batch.next_offset
        if records and records[0].offset < first:  # a fetch begins with a whole batch
            records = [record for record in records if record.offset >= first]
        return iter(records)

    def _is_left_out(self, batch: Any) -> bool:
        """Tell whether a batch is a marker, or of a transaction that was aborted."""
        packed = self._packed
        if packed._isolation_level == READ_COMMITTED and batch.producer_id is not None:
            packed._consume_aborted_up_to(batch.base_offset)
            if batch.is_control_batch:
                if packed._contains_abort_marker(batch):
                    packed._aborted_producers.discard(batch.producer_id)
            elif batch.is_transactional and batch.producer_id in packed._aborted_producers:
                return True
        return bool(batch.is_control_batch)
