"""One Kafka transaction of a process that is not a shard: some records, perhaps the positions of what they answer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from aiokafka import AIOKafkaProducer, TopicPartition

PATIENCE_S: Final = 30.0  # the broker aborts a transaction that stays open longer


@dataclass(frozen=True, slots=True)
class Written:
    """A record to be written."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None


async def commit(
    producer: AIOKafkaProducer,
    records: Iterable[Written],
    offsets: Mapping[TopicPartition, int] | None = None,
    group_id: str = "",
) -> None:
    """Write all the records, and the positions of the group, or nothing.

    Raises KafkaError or TimeoutError when that is not certain. The transaction is then left open for the next process
    with this id to abort: this one can only end, and aborting may wait for a broker that does not come back.
    """
    async with asyncio.timeout(PATIENCE_S):
        await producer.begin_transaction()
        await write(producer, records)
        if offsets:
            await producer.send_offsets_to_transaction(dict(offsets), group_id)
        await producer.commit_transaction()


async def write(producer: AIOKafkaProducer, records: Iterable[Written]) -> None:
    """Hand over the records in batches of one partition each, in order, and wait until they are acknowledged."""
    places: dict[TopicPartition, list[Written]] = {}
    for record in records:
        places.setdefault(TopicPartition(record.topic, record.partition), []).append(record)
    sent = []
    for place, inside in places.items():
        batch = producer.create_batch()
        for record in inside:
            if batch.append(key=record.key, value=record.value, timestamp=None) is None:
                sent.append(await producer.send_batch(batch, place.topic, partition=place.partition))
                batch = producer.create_batch()
                batch.append(key=record.key, value=record.value, timestamp=None)
        sent.append(await producer.send_batch(batch, place.topic, partition=place.partition))
    for acknowledged in sent:
        await acknowledged
