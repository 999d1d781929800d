"""W2 written by hand: one consumer, one transactional producer, one transaction every 100 ms with the group's offsets.

What a good engineer writes in a day: chunks from `getmany`, batches to `send_batch`, the changelog coalesced per
transaction. No restore, no rebalance, no control topics, no timers, no flow control.
"""

from __future__ import annotations

import asyncio
import sys
from time import monotonic
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition

from agents.settings import Settings, load
from bench.meter import Meter
from streams.topology import topic_name
from tests import toy

INTERVAL_S = 0.1


async def main(settings: Settings, events: int) -> None:
    """Apply that many events and report."""
    meter = Meter(events)
    source, outputs, changelog = (
        topic_name(settings.namespace, noun) for noun in ("raw-events", "events", "changelog")
    )
    consumer = AIOKafkaConsumer(
        source,
        bootstrap_servers=settings.bootstrap,
        group_id=settings.namespace,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        fetch_max_wait_ms=100,
    )
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.bootstrap,
        transactional_id=f"{settings.namespace}-loop",
        max_batch_size=900_000,
        linger_ms=0,
    )
    await consumer.start()
    await producer.start()
    rows: dict[bytes, toy.Row] = {}
    steps = [0] * settings.partitions
    while not meter.is_complete():
        batches: dict[tuple[str, int], list[Any]] = {}
        touched: dict[tuple[int, bytes], toy.Row] = {}
        offsets: dict[TopicPartition, int] = {}
        due = monotonic() + INTERVAL_S
        await producer.begin_transaction()
        while monotonic() < due and not meter.is_complete():
            for tp, records in (await consumer.getmany(timeout_ms=50, max_records=4_000)).items():
                meter.begin()
                apply(tp.partition, records, rows, steps, touched, batches, producer, outputs)
                offsets[tp] = records[-1].offset + 1
                meter.applied += len(records)
        for (partition, key), row in touched.items():
            append(batches, producer, (changelog, partition), b"P" + key, toy.encode_row(row), [])
        sent = [
            await producer.send_batch(batch, topic, partition=partition)
            for (topic, partition), some in batches.items()
            for batch in some
        ]
        for future in sent:
            await future
        await producer.send_offsets_to_transaction(offsets, settings.namespace)
        await producer.commit_transaction()
    meter.report()


def apply(
    partition: int,
    records: list[ConsumerRecord],
    rows: dict[bytes, toy.Row],
    steps: list[int],
    touched: dict[tuple[int, bytes], toy.Row],
    batches: dict[tuple[str, int], list[Any]],
    producer: AIOKafkaProducer,
    outputs: str,
) -> None:
    """Apply the records of one partition."""
    step = steps[partition]
    for record in records:
        step += 1
        event = toy.decode_event(record.value)
        row = rows.get(record.key)
        if row is None:
            row = rows[record.key] = toy.Row()
        row.events += 1
        row.total += event.amount
        row.offset = record.offset
        touched[partition, record.key] = row
        headers = [("step", toy.STEP.pack(partition, step))]
        append(batches, producer, (outputs, partition), record.key, record.value, headers)
    steps[partition] = step


def append(
    batches: dict[tuple[str, int], list[Any]],
    producer: AIOKafkaProducer,
    place: tuple[str, int],
    key: bytes,
    value: bytes,
    headers: list[tuple[str, bytes]],
) -> None:
    """Append one record to the last batch of its place, or begin another one."""
    some = batches.get(place)
    if some is None:
        some = batches[place] = [producer.create_batch()]
    if some[-1].append(timestamp=None, key=key, value=value, headers=headers) is None:
        some.append(producer.create_batch())
        some[-1].append(timestamp=None, key=key, value=value, headers=headers)


if __name__ == "__main__":
    asyncio.run(main(load(), int(sys.argv[1])))
