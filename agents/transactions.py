"""One Kafka transaction of a process that is not a shard: some records, perhaps the positions of what they answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aiokafka import AIOKafkaProducer, TopicPartition


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
    """Write all the records, and the positions of the group, or nothing; raises KafkaError when that is not certain."""
    async with producer.transaction():
        await write(producer, records)
        if offsets:
            await producer.send_offsets_to_transaction(dict(offsets), group_id)


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
