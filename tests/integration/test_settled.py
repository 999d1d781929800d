"""When a stream is at rest: groups that have read all there is, transaction markers notwithstanding."""

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import NewTopic

from agents.errors import UserError
from agents.settled import Followed, wait_settled
from agents.transport.clients import admin, new_producer

pytestmark = pytest.mark.kafka


async def a_topic(broker: str, name: str) -> str:
    async with admin(broker) as client:
        await client.create_topics([NewTopic(name, 2, 1)])
    return name


async def write(broker: str, topic: str, records: int) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=broker)
    await producer.start()
    for number in range(records):
        await producer.send_and_wait(topic, b"x", partition=number % 2)
    await producer.stop()


async def write_in_transactions(broker: str, topic: str, transactions: int) -> None:
    producer = new_producer(broker, f"writes-{topic}", 10.0)
    await producer.start()
    for _ in range(transactions):
        async with producer.transaction():
            await producer.send_and_wait(topic, b"x", partition=0)
    await producer.stop()


async def commit(broker: str, group: str, offsets: dict[TopicPartition, int]) -> None:
    consumer = AIOKafkaConsumer(bootstrap_servers=broker, group_id=group, enable_auto_commit=False)
    await consumer.start()
    consumer.assign(list(offsets))
    await consumer.commit(offsets)
    await consumer.stop()


async def test_a_topic_in_which_nothing_is_needs_no_reader(broker: str) -> None:
    topic = await a_topic(broker, "settled-empty")
    await wait_settled(broker, [Followed("nobody", topic)], 5)


async def test_what_is_unread_is_told(broker: str) -> None:
    topic = await a_topic(broker, "settled-unread")
    await write(broker, topic, 4)
    await commit(broker, "half", {TopicPartition(topic, 0): 2, TopicPartition(topic, 1): 1})
    with pytest.raises(UserError, match="settled-unread by half"):
        await wait_settled(broker, [Followed("half", topic)], 0.5)


async def test_it_waits_until_the_last_record_is_read(broker: str) -> None:
    topic = await a_topic(broker, "settled-late")
    await write(broker, topic, 4)
    waiting = asyncio.create_task(wait_settled(broker, [Followed("late", topic)], 30))
    await commit(broker, "late", {TopicPartition(topic, 0): 2})
    assert not waiting.done()
    await commit(broker, "late", {TopicPartition(topic, 1): 2})
    await waiting


async def test_a_marker_behind_the_last_record_is_nothing_to_read(broker: str) -> None:
    topic = await a_topic(broker, "settled-marker")
    await write_in_transactions(broker, topic, 2)  # offsets 0 and 2 are records, 1 and 3 are markers
    await commit(broker, "marked", {TopicPartition(topic, 0): 3})
    await wait_settled(broker, [Followed("marked", topic)], 10)


async def test_a_record_between_markers_is_something_to_read(broker: str) -> None:
    topic = await a_topic(broker, "settled-record")
    await write_in_transactions(broker, topic, 2)
    await commit(broker, "behind", {TopicPartition(topic, 0): 1})
    with pytest.raises(UserError, match="settled-record by behind"):
        await wait_settled(broker, [Followed("behind", topic)], 0.5)
