"""A second Kafka client, which shares no code with ours: it feeds and it judges."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import NamedTuple, cast

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

READ_S = 60.0


class Seen(NamedTuple):
    """One record as it stands in the log."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


Record = tuple[int, bytes | None, bytes | None]  # partition, key, value


@contextmanager
def feeder(servers: str, topic: str) -> Iterator[Callable[[Iterable[Record]], None]]:
    """Yield a function that writes records, each once and in order per partition; all are there when the block ends."""
    producer = Producer(
        {
            "bootstrap.servers": servers,
            "enable.idempotence": True,
            "linger.ms": 5,
            "queue.buffering.max.messages": 500_000,
        }
    )
    failures: list[str] = []

    def note(error: KafkaError | None, _: object) -> None:
        if error is not None:
            failures.append(str(error))

    def feed(records: Iterable[Record]) -> None:
        for partition, key, value in records:
            producer.produce(topic, value, key, partition, on_delivery=note)
        producer.poll(0)

    yield feed
    assert producer.flush(READ_S) == 0
    assert not failures, failures[:3]


def feed(servers: str, topic: str, records: Iterable[Record]) -> None:
    """Write records, each once and in order per partition."""
    with feeder(servers, topic) as write:
        write(records)


def read(servers: str, topic: str, partitions: int, *, committed: bool = True) -> list[Seen]:
    """Return what stands in a topic now, in order of (partition, offset)."""
    return sorted(_read(servers, topic, partitions, committed=committed), key=lambda seen: seen[:2])


def _read(servers: str, topic: str, partitions: int, *, committed: bool) -> Iterator[Seen]:
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": "witness",
            "enable.auto.commit": False,
            "isolation.level": "read_committed" if committed else "read_uncommitted",
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 20,
        }
    )
    try:
        consumer.assign([TopicPartition(topic, partition, 0) for partition in range(partitions)])
        ended: set[int] = set()
        deadline = monotonic() + READ_S
        while len(ended) < partitions:
            assert monotonic() < deadline, f"{topic}: the ends of {partitions - len(ended)} partitions were not reached"
            for message in consumer.consume(5_000, 0.3):
                error = message.error()
                if error is not None:
                    assert error.code() == KafkaError._PARTITION_EOF, error
                    ended.add(message.partition() or 0)
                    continue
                yield Seen(
                    message.partition() or 0,
                    message.offset() or 0,
                    message.key(),
                    message.value(),
                    cast("list[tuple[str, bytes]]", message.headers() or []),
                )
    finally:
        consumer.close()


def lag(servers: str, group: str, topic: str, partitions: int) -> int:
    """Return how many records of a topic the group has not committed."""
    consumer = Consumer({"bootstrap.servers": servers, "group.id": group, "enable.auto.commit": False})
    try:
        total = 0
        for place in consumer.committed([TopicPartition(topic, partition) for partition in range(partitions)], 10):
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, place.partition), 10)
            total += high - max(place.offset, low)
        return total
    finally:
        consumer.close()


class Tail:
    """Follows a topic from the beginning, and remembers when each record came."""

    def __init__(self, servers: str, topic: str, partitions: int, *, committed: bool = True) -> None:
        """Begin to follow; `close` ends it."""
        self.seen: list[tuple[float, int, bytes | None]] = []  # (monotonic time, partition, value)
        self._consumer = Consumer(
            {
                "bootstrap.servers": servers,
                "group.id": "witness",
                "enable.auto.commit": False,
                "isolation.level": "read_committed" if committed else "read_uncommitted",
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 20,
            }
        )
        self._consumer.assign([TopicPartition(topic, partition, 0) for partition in range(partitions)])

    def count(self, wait_s: float = 0.05) -> int:
        """Take what has come and return how many there are by now."""
        for message in self._consumer.consume(10_000, wait_s):
            assert message.error() is None, message.error()
            self.seen.append((monotonic(), message.partition() or 0, message.value()))
        return len(self.seen)

    def close(self) -> None:
        """Stop following."""
        self._consumer.close()
