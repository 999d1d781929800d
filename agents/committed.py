"""What a topic holds: every committed record up to the end it had when asked, at once or in chunks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from agents.access.denials import TOPIC_DENIED, denied
from agents.errors import UserError
from agents.transport.clients import admin, answering, reader
from agents.transport.errors import Refused

PATIENCE_S: Final = 40.0  # a transaction left open by a dead process is aborted by the broker after 30 s
_POLL_S: Final = 0.2

Progress = Callable[[float], None]  # how much is read, 0 to 1


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
            if described["error_code"] == TOPIC_DENIED:
                raise Refused(denied(topic))
            if asyncio.get_running_loop().time() >= deadline:
                raise UserError(
                    f"there is no topic {topic}; `continuo run` creates the topics of a policy, "
                    "and CONTINUO_NAMESPACE is the first word of their names"
                )
            await asyncio.sleep(_POLL_S)


async def read_committed(servers: str, topic: str, patience_s: float = PATIENCE_S) -> Committed:
    """Return what the topic holds; raise UserError if an open transaction hides its end for `patience_s`."""
    partitions = await wait_partitions(servers, topic, patience_s)
    ends = await _ends(servers, partitions)
    async with reader(servers, committed=True) as consumer:
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        try:
            async with asyncio.timeout(patience_s):
                return await _read_until(consumer, ends)
        except TimeoutError:
            raise _hidden(topic, patience_s) from None


async def scan_committed(
    servers: str, places: list[TopicPartition], progress: Progress, patience_s: float = PATIENCE_S
) -> AsyncGenerator[list[ConsumerRecord], None]:
    """Yield what some partitions of a topic hold in chunks, each of one partition and in order of offset.

    `progress` is told as it goes how much is read, 0 to 1. Whoever breaks off closes the iterator
    (`contextlib.aclosing`). Raises UserError if an open transaction hides the end for `patience_s`.
    """
    async with reader(servers, committed=True) as consumer:
        consumer.assign(places)
        ends = await _ends(servers, places)
        async with answering(servers, patience_s):
            starts = await consumer.beginning_offsets(places)
        total = sum(ends.values()) - sum(starts.values())
        await consumer.seek_to_beginning(*places)
        loop = asyncio.get_running_loop()
        read, moved_at = 0, loop.time()
        while True:
            at = {place: await consumer.position(place) for place in places}
            if all(at[place] >= ends[place] for place in places):
                return
            if (passed := sum(at.values()) - sum(starts.values())) > read:
                read, moved_at = passed, loop.time()
                progress(min(1.0, read / total))
            elif loop.time() - moved_at >= patience_s:
                raise _hidden(places[0].topic, patience_s)
            for records in (await consumer.getmany(timeout_ms=500)).values():
                yield records


def _hidden(topic: str, patience_s: float) -> UserError:
    return UserError(
        f"the end of {topic} stays hidden behind an open transaction for {patience_s:.0f} s: "
        "another process holds it, or a broker lost its coordinator; look at the brokers' logs"
    )


async def _ends(servers: str, places: list[TopicPartition]) -> dict[TopicPartition, int]:
    """Return where the partitions end for everybody: a committed reader is not told of what is still open."""
    async with answering(servers, PATIENCE_S), reader(servers, committed=False) as anything:
        ends: dict[TopicPartition, int] = await anything.end_offsets(places)
        return ends


async def _read_until(consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int]) -> Committed:
    records: list[ConsumerRecord] = []
    while any([await consumer.position(place) < end for place, end in ends.items()]):
        for fetched in (await consumer.getmany(timeout_ms=500)).values():
            records += fetched
    return Committed(records, {place: await consumer.position(place) for place in ends})
