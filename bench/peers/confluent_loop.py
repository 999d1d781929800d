"""W0, W1 and W2 by hand on confluent-kafka: what a good engineer writes who wants the C client.

Runs of messages from `consume`, changed rows written once per commit. With `once` a commit is one transaction with the
group's offsets; with `least` it is a flush, then the offsets. No restore, no rebalance, no control topics, no timers,
no flow control, no dead letters.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from time import monotonic
from typing import Any

from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition

from bench.peers.job import Job, Progress, Row, decode_event, doubled, encode_row

TRANSACTION_S = 30.0


class Loop:
    """One consumer, one producer, the rows of everybody."""

    def __init__(self, job: Job, *, once: bool) -> None:
        """Prepare; `once` is in transactions."""
        self.job, self.once = job, once
        self.consumer = Consumer(
            {
                "bootstrap.servers": job.broker,
                "group.id": job.group,
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed",
            }
        )
        settings = {
            "bootstrap.servers": job.broker,
            "acks": "all",
            "enable.idempotence": True,
            "batch.size": 1_000_000,
            "queue.buffering.max.messages": 1_000_000,
            "queue.buffering.max.kbytes": 1 << 20,
            "delivery.report.only.error": True,
            "on_delivery": refuse,
        }
        self.producer = Producer(settings | ({"transactional.id": job.group} if once else {}))
        self.rows: dict[bytes, Row] = {}
        self.touched: dict[tuple[int, bytes], Row] = {}
        self.apply: Callable[[list[Any]], dict[int, int]] = {
            "W0": self.passed,
            "W1": self.added,
            "W2": self.folded,
        }[job.work]

    def run(self) -> None:
        """Apply the job's events and say so."""
        progress = Progress(self.job)
        self.consumer.subscribe([self.job.source])
        if self.once:
            self.producer.init_transactions(TRANSACTION_S)
        offsets: dict[int, int] = {}
        due = monotonic() + self.job.commit_ms / 1000
        while not progress.is_complete():
            messages = self.consumer.consume(2_000, 0.02)
            if messages:
                progress.begin()
                if self.once and not offsets:
                    self.producer.begin_transaction()
                offsets |= self.apply(messages)
                progress.applied += len(messages)
                self.producer.poll(0)
            if offsets and (monotonic() >= due or progress.is_complete()):
                self.commit(offsets)
                offsets = {}
                due = monotonic() + self.job.commit_ms / 1000
        progress.end()

    def passed(self, messages: list[Any]) -> dict[int, int]:
        """Pass messages through; return the next offset of each partition."""
        produce, output = self.producer.produce, self.job.output
        offsets = {}
        for message in messages:
            partition = message.partition()
            produce(output, message.value(), message.key(), partition)
            offsets[partition] = message.offset() + 1
        return offsets

    def added(self, messages: list[Any]) -> dict[int, int]:
        """Add a field to each; return the next offset of each partition."""
        produce, output = self.producer.produce, self.job.output
        offsets = {}
        for message in messages:
            partition = message.partition()
            produce(output, doubled(message.value()), message.key(), partition)
            offsets[partition] = message.offset() + 1
        return offsets

    def folded(self, messages: list[Any]) -> dict[int, int]:
        """Fold each into its person's row, and pass it through; return the next offset of each partition."""
        produce, output, rows, touched = self.producer.produce, self.job.output, self.rows, self.touched
        offsets = {}
        for message in messages:
            partition, offset, key, value = message.partition(), message.offset(), message.key(), message.value()
            event = decode_event(value)
            row = rows.get(key)
            if row is None:
                row = rows[key] = Row()
            row.events += 1
            row.total += event.amount
            row.offset = offset
            touched[partition, key] = row
            produce(output, value, key, partition)
            offsets[partition] = offset + 1
        return offsets

    def commit(self, offsets: dict[int, int]) -> None:
        """Make everything until now durable."""
        for (partition, key), row in self.touched.items():
            self.producer.produce(self.job.changelog, encode_row(row), key, partition)
        self.touched.clear()
        places = [TopicPartition(self.job.source, partition, offset) for partition, offset in offsets.items()]
        if self.once:
            self.producer.send_offsets_to_transaction(places, self.consumer.consumer_group_metadata(), TRANSACTION_S)
            self.producer.commit_transaction(TRANSACTION_S)
        else:
            left = self.producer.flush(TRANSACTION_S)
            if left:
                raise SystemExit(f"{left} messages were not delivered within {TRANSACTION_S} s")
            self.consumer.commit(offsets=places, asynchronous=False)


def refuse(error: KafkaError | None, message: Message) -> None:
    """End the run on a message that was not delivered."""
    raise SystemExit(f"not delivered to {message.topic()}: {error}")


if __name__ == "__main__":
    Loop(Job.load(), once=sys.argv[1] == "once").run()
