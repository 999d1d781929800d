"""The feeder on a real Kafka, before a stand-in for the worker that accepts what it reads, one partition slowly.

The stand-in cannot decide, answer or deliver; `tests/integration/test_stream.py` feeds the real one.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from agents.codecs.avro import decode_raw_event, decode_tick
from agents.codecs.prefix import event_from_raw
from agents.committed import read_committed
from agents.policy_files import load_bundle
from agents.policy_topic import publish
from agents.settings import Settings
from agents.transport.topics import create_topics, wanted_topics
from examples.grocery import feeder
from examples.grocery.alignment import AHEAD_MS
from examples.grocery.tables import load, local_ms
from examples.grocery.wire import encoded
from streams.topology import topic_name

pytestmark = pytest.mark.kafka

SLOW = 2
POLICY = Path(feeder.__file__).parent / "policy"


@dataclass
class StandIn:
    """Accepts raw events and ticks, and notes how far apart the partitions are."""

    settings: Settings
    clocks: dict[int, int] = field(default_factory=dict)
    apart_ms_max: int = 0
    accepted: int = 0
    refused: int = 0
    turns: int = 0

    async def run(self) -> None:
        namespace, servers = self.settings.namespace, self.settings.bootstrap
        producer = AIOKafkaProducer(bootstrap_servers=servers)
        consumer = AIOKafkaConsumer(
            topic_name(namespace, "raw-events"), topic_name(namespace, "ticks"),
            bootstrap_servers=servers, group_id=namespace, auto_offset_reset="earliest", enable_auto_commit=False,
        )  # fmt: skip
        await producer.start()
        await consumer.start()
        try:
            while True:
                for place in self._turn(consumer):
                    records = (await consumer.getmany(place, timeout_ms=5, max_records=200)).get(place, [])
                    if "ticks" in place.topic and records:
                        self.clocks[place.partition] = decode_tick(records[-1].value).ticked_at
                        continue
                    for record in records:
                        await self._take(producer, place.partition, record.value)
                await producer.flush()
                await consumer.commit()
        finally:
            await consumer.stop()
            await producer.stop()

    def _turn(self, consumer: AIOKafkaConsumer) -> list[TopicPartition]:
        """Return whose turn it is: all of them, the slow one every fourth time."""
        self.turns += 1
        return [place for place in consumer.assignment() if place.partition != SLOW or self.turns % 4 == 0]

    async def _take(self, producer: AIOKafkaProducer, partition: int, value: bytes) -> None:
        at = decode_raw_event(value).occurred_at
        clock = self.clocks.get(partition, at)
        if at > clock + 7 * 86_400_000:
            self.refused += 1
            return
        self.clocks[partition] = max(clock, at)
        self.apart_ms_max = max(self.apart_ms_max, at - min(self.clocks.values()))
        self.accepted += 1
        topic = topic_name(self.settings.namespace, "events")
        await producer.send(topic, event_from_raw(value, self.clocks[partition]), partition=partition)


@asynccontextmanager
async def running(stand_in: StandIn) -> AsyncIterator[StandIn]:
    task = asyncio.create_task(stand_in.run())
    try:
        yield stand_in
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def fed(broker: str, namespace: str, households: int, until: date) -> tuple[StandIn, list[dict[str, Any]], int]:
    settings = Settings(broker=broker, namespace=namespace, partitions=4, mode="history")
    await create_topics(broker, wanted_topics(namespace, 4, ["next_purchase"]))
    await publish(broker, namespace, dict(load_bundle(POLICY)))
    year = load(households, until)
    said: list[dict[str, Any]] = []
    async with running(StandIn(settings)) as stand_in:
        await feeder.feed(settings, encoded(year), said.append, asyncio.Event())
    return stand_in, said, sum(len(values) for _, _, values in encoded(year))


async def test_everything_is_fed_in_order_and_the_history_ended(broker: str) -> None:
    stand_in, said, events = await fed(broker, "feedall", 300, date(2017, 1, 29))
    assert stand_in.accepted == events
    assert stand_in.refused == 0
    assert stand_in.apart_ms_max <= AHEAD_MS
    assert said[-1]["phase"] == "done"
    assert said[-1]["fed"] == events
    assert said[-1]["in_flight"] == 0
    raw = await read_committed(broker, topic_name("feedall", "raw-events"))
    seconds = [decode_raw_event(record.value).occurred_at // 1000 for record in raw.records if record.partition == 0]
    assert seconds == sorted(seconds)
    ticks = await read_committed(broker, topic_name("feedall", "ticks"))
    ended = [decode_tick(record.value).ticked_at for record in ticks.records]
    assert len(ended) == 4
    assert all(local_ms(date(2017, 2, 10)) < at < local_ms(date(2017, 2, 16)) for at in ended)


async def test_a_gap_is_bridged_by_a_tick(broker: str) -> None:
    stand_in, _, events = await fed(broker, "feedgap", 3, date(2017, 4, 1))
    assert stand_in.refused == 0
    assert stand_in.accepted == events
