"""W0, W1 and W2 by hand on aiokafka: what a good engineer writes in a day instead of us.

Chunks from `getmany`, whole batches to `send_batch`, changed rows written once per commit. With `once` a commit is one
transaction with the group's offsets; with `least` it is a flush, then the offsets. No restore, no rebalance, no control
topics, no timers, no flow control, no dead letters.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition

from bench.peers.job import Job, Progress, Row, decode_event, doubled, encode_row


class Loop:
    """One consumer, one producer, the rows of everybody."""

    def __init__(self, job: Job, *, once: bool) -> None:
        """Prepare; `once` is in transactions."""
        self.job, self.once = job, once
        self.consumer = AIOKafkaConsumer(
            job.source,
            bootstrap_servers=job.broker,
            group_id=job.group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            fetch_max_wait_ms=100,
        )
        self.producer = AIOKafkaProducer(
            bootstrap_servers=job.broker,
            transactional_id=job.group if once else None,
            acks="all",
            max_batch_size=900_000,
            linger_ms=0,
        )
        self.rows: dict[bytes, Row] = {}
        self.touched: dict[tuple[int, bytes], Row] = {}
        self.open: dict[tuple[str, int], Any] = {}  # the batch of each place that is being filled
        self.full: list[tuple[tuple[str, int], Any]] = []
        self.sent: list[asyncio.Future[Any]] = []
        self.apply: Callable[[int, Sequence[ConsumerRecord]], None] = {
            "W0": self.passed,
            "W1": self.added,
            "W2": self.folded,
        }[job.work]

    async def run(self) -> None:
        """Apply the job's events and say so."""
        progress = Progress(self.job)
        await self.consumer.start()
        await self.producer.start()
        offsets: dict[TopicPartition, int] = {}
        due = monotonic() + self.job.commit_ms / 1000
        while not progress.is_complete():
            polled = await self.consumer.getmany(timeout_ms=20, max_records=4_000)
            if polled and self.once and not offsets:
                await self.producer.begin_transaction()
            for place, records in polled.items():
                progress.begin()
                self.apply(place.partition, records)
                offsets[place] = records[-1].offset + 1
                progress.applied += len(records)
            await self.send()
            if offsets and (monotonic() >= due or progress.is_complete()):
                await self.commit(offsets)
                offsets = {}
                due = monotonic() + self.job.commit_ms / 1000
        progress.end()

    def passed(self, partition: int, records: Sequence[ConsumerRecord]) -> None:
        """Pass records through."""
        place = (self.job.output, partition)
        for record in records:
            self.append(place, record.key, record.value)

    def added(self, partition: int, records: Sequence[ConsumerRecord]) -> None:
        """Add a field to each."""
        place = (self.job.output, partition)
        for record in records:
            self.append(place, record.key, doubled(record.value))

    def folded(self, partition: int, records: Sequence[ConsumerRecord]) -> None:
        """Fold each into its person's row, and pass it through."""
        place, rows, touched = (self.job.output, partition), self.rows, self.touched
        for record in records:
            key = record.key
            event = decode_event(record.value)
            row = rows.get(key)
            if row is None:
                row = rows[key] = Row()
            row.events += 1
            row.total += event.amount
            row.offset = record.offset
            touched[partition, key] = row
            self.append(place, key, record.value)

    def append(self, place: tuple[str, int], key: bytes, value: bytes) -> None:
        """Append one record to the batch of its place, or begin another one."""
        batch = self.open.get(place)
        if batch is None or batch.append(timestamp=None, key=key, value=value) is None:
            if batch is not None:
                self.full.append((place, batch))
            batch = self.open[place] = self.producer.create_batch()
            batch.append(timestamp=None, key=key, value=value)

    async def send(self) -> None:
        """Send the batches that are full."""
        full, self.full = self.full, []
        for (topic, partition), batch in full:
            self.sent.append(await self.producer.send_batch(batch, topic, partition=partition))

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        """Make everything until now durable."""
        for (partition, key), row in self.touched.items():
            self.append((self.job.changelog, partition), key, encode_row(row))
        self.touched.clear()
        self.full += self.open.items()
        self.open.clear()
        await self.send()
        for sent in self.sent:
            await sent
        self.sent.clear()
        if self.once:
            await self.producer.send_offsets_to_transaction(offsets, self.job.group)
            await self.producer.commit_transaction()
        else:
            await self.consumer.commit(offsets)


async def main() -> None:
    """Run the loop."""
    await Loop(Job.load(), once=sys.argv[1] == "once").run()


if __name__ == "__main__":
    asyncio.run(main())
