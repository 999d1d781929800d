"""What a topic holds, read whole: every committed record up to the end it had when asked."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from agents.errors import UserError
from agents.transport.clients import admin, reader

PATIENCE_S: Final = 40.0  # a transaction left open by a dead process is aborted by the broker after 30 s
_POLL_S: Final = 0.2


@dataclass(frozen=True)
class Committed:
    """The committed records of a topic, by partition in order of offset, and where a reader goes on."""

    records: list[ConsumerRecord]
    next_offsets: dict[TopicPartition, int]


async def wait_partitions(servers: str, topic: str, patience_s: float = PATIENCE_S) -> list[TopicPartition]:
    """Return the partitions of a topic as soon as it exists; raise UserError when it does not within `patience_s`."""
    deadline = asyncio.get_running_loop().time() + patience_s
    async with admin(servers) as client:
        while True:
            (described,) = await client.describe_topics([topic])
            if described["error_code"] == 0:
                return [TopicPartition(topic, number) for number in range(len(described["partitions"]))]
            if asyncio.get_running_loop().time() >= deadline:
                raise UserError(
                    f"there is no topic {topic}; `continuo run` creates the topics of a policy, "
                    "and CONTINUO_NAMESPACE is the first word of their names"
                )
            await asyncio.sleep(_POLL_S)


async def read_committed(servers: str, topic: str, patience_s: float = PATIENCE_S) -> Committed:
    """Return what the topic holds; raise UserError if an open transaction hides its end for `patience_s`."""
    partitions = await wait_partitions(servers, topic, patience_s)
    async with reader(servers, committed=False) as anything:
        ends = await anything.end_offsets(partitions)
    async with reader(servers, committed=True) as consumer:
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        try:
            async with asyncio.timeout(patience_s):
                return await _read_until(consumer, ends)
        except TimeoutError:
            raise UserError(
                f"the end of {topic} stays hidden behind an open transaction for {patience_s:.0f} s: "
                "another process holds it, or a broker lost its coordinator; look at the brokers' logs"
            ) from None


async def _read_until(consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int]) -> Committed:
    records: list[ConsumerRecord] = []
    while any([await consumer.position(place) < end for place, end in ends.items()]):
        for fetched in (await consumer.getmany(timeout_ms=500)).values():
            records += fetched
    return Committed(records, {place: await consumer.position(place) for place in ends})
