"""A record with a header that another client could write, and aiokafka cannot read."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

from tests import witness
from tests.toy_deployment import PARTITIONS, ToyDeployment

pytestmark = pytest.mark.kafka

HEADERS: dict[str, list[tuple[str, bytes | None]]] = {"names": [("caf?", b"1")], "values": [("trace", None)]}
# `?` is a byte that is no UTF-8.


@pytest.fixture
def deployment(broker: str, tmp_path: Path) -> Iterator[ToyDeployment]:
    """A fresh namespace."""
    deployment = ToyDeployment(broker, tmp_path)
    yield deployment
    deployment.close()


async def send(broker: str, topic: str, partition: int, headers: list[tuple[str, bytes | None]]) -> None:
    """Write one record with these headers, byte by byte as a client without aiokafka's care would."""
    async with AIOKafkaProducer(bootstrap_servers=broker) as producer:
        batch = producer.create_batch()
        batch.append(timestamp=1, key=None, value=b"\xff")
        builder = _DefaultRecordBatchBuilderPy(2, 0, 0, -1, -1, -1, 1 << 20)
        builder.append(0, 1, None, b"\xff", headers)
        builder._buffer = builder._buffer.replace(b"?", b"\xe9")
        batch._builder = builder
        batch.close()
        await (await producer.send_batch(batch, topic, partition=partition))


@pytest.mark.parametrize("what", HEADERS)
def test_it_is_one_dead_letter_and_disturbs_nothing_else(deployment: ToyDeployment, what: str) -> None:
    topic = deployment.topic("raw-events")
    deployment.feed(500)
    for partition in range(PARTITIONS):
        asyncio.run(send(deployment.broker, topic, partition, HEADERS[what]))
    deployment.feed(500)
    worker = deployment.start()
    deployment.wait_committed(1_000)
    worker.terminate()
    worker.communicate(timeout=60)
    # Not judged as a whole: the judge's own client reads the source too, and ends at such a name as aiokafka does.
    letters = witness.read(deployment.broker, deployment.topic("dead-letters"), PARTITIONS)
    assert [letter.partition for letter in letters] == [*range(PARTITIONS)]
