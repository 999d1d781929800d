"""A second Kafka client, which shares no code with ours: it feeds and it judges."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, NamedTuple, cast

from confluent_kafka import (
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]  # documented, not re-exported

READ_S = 60.0
QUIET = {"log_level": 0}  # what concerns a record is said of the record; a broker that is down is a fault on purpose


class Seen(NamedTuple):
    """One record as it stands in the log."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


@dataclass(slots=True)
class Column:
    """One partition as it stands in the log, field by field: a million records are four lists."""

    keys: list[bytes | None] = field(default_factory=list)
    values: list[bytes | None] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    firsts: list[bytes] = field(default_factory=list)  # the value of each record's first header

    def cut(self, records: int) -> None:
        """Forget what comes after the first `records`."""
        for fields in (self.keys, self.values, self.offsets, self.firsts):
            del fields[records:]


Record = tuple[int, bytes | None, bytes | None]  # partition, key, value


@contextmanager
def feeder(servers: str, topic: str) -> Iterator[Callable[[Iterable[Record]], None]]:
    """Yield a function that writes records, each once and in order per partition; all are there when the block ends."""
    producer = Producer(
        {
            **QUIET,
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
    seen = [
        Seen(
            message.partition() or 0,
            message.offset() or 0,
            message.key(),
            message.value(),
            cast("list[tuple[str, bytes]]", message.headers() or []),
        )
        for message in messages(servers, topic, partitions, committed=committed)
    ]
    return sorted(seen, key=lambda one: one[:2])


def columns(servers: str, topic: str, partitions: int, *, headers: bool = False) -> list[Column]:
    """Return what stands committed in each partition now; `headers` fills the column of first headers."""
    found = [Column() for _ in range(partitions)]
    for message in messages(servers, topic, partitions, committed=True):
        column = found[message.partition() or 0]
        column.keys.append(message.key())
        column.values.append(message.value())
        column.offsets.append(message.offset() or 0)
        if headers:
            column.firsts.append(cast("Any", message.headers())[0][1])
    return found


def messages(servers: str, topic: str, partitions: int, *, committed: bool) -> Iterator[Message]:
    """Yield the messages up to the end that each partition has now, in order within a partition."""
    consumer = Consumer(
        {
            **QUIET,
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
                if error is None:
                    yield message
                    continue
                assert error.code() == KafkaError._PARTITION_EOF, error
                ended.add(message.partition() or 0)
    finally:
        consumer.close()


def lag(servers: str, group: str, topic: str, partitions: int) -> int:
    """Return how many records of a topic the group has not committed."""
    consumer = Consumer({**QUIET, "bootstrap.servers": servers, "group.id": group, "enable.auto.commit": False})
    try:
        total = 0
        for place in consumer.committed([TopicPartition(topic, partition) for partition in range(partitions)], 10):
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, place.partition), 10)
            total += high - max(place.offset, low)
        return total
    finally:
        consumer.close()


def unread(servers: str, group: str, topic: str, partitions: int) -> int:
    """Return how many committed records of a topic stand behind the group's positions: markers are none."""
    consumer = Consumer(
        {
            **QUIET,
            "bootstrap.servers": servers,
            "group.id": group,
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 20,
        }
    )
    try:
        places = consumer.committed([TopicPartition(topic, number) for number in range(partitions)], READ_S)
        consumer.assign([TopicPartition(topic, one.partition, max(one.offset, 0)) for one in places])
        ended: set[int] = set()
        count = 0
        deadline = monotonic() + READ_S
        while len(ended) < partitions:
            assert monotonic() < deadline, f"{topic}: the ends of {partitions - len(ended)} partitions were not reached"
            for message in consumer.consume(5_000, 0.1):
                error = message.error()
                count += error is None
                if error is not None:
                    assert error.code() == KafkaError._PARTITION_EOF, error
                    ended.add(message.partition() or 0)
        return count
    finally:
        consumer.close()


class Tail:
    """Follows a topic from the beginning, and remembers when each record came."""

    def __init__(self, servers: str, topic: str, partitions: int, *, committed: bool = True) -> None:
        """Begin to follow; `close` ends it."""
        self.seen: list[tuple[float, int, bytes | None]] = []  # (monotonic time, partition, value)
        self._consumer = Consumer(
            {
                **QUIET,
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


Where = tuple[str, int]  # topic, partition


class Ledger:
    """Keeps what is committed on some topics, place by place, from the beginning."""

    def __init__(self, servers: str, partitions: Mapping[str, int]) -> None:
        """Begin to read topics of so many partitions; `close` ends it."""
        self.seen: dict[Where, list[Seen]] = {
            (topic, number): [] for topic, count in partitions.items() for number in range(count)
        }
        self._ends: dict[Where, int] = dict.fromkeys(self.seen, -1)  # up to which the partition was read
        self._places = [TopicPartition(*place) for place in self.seen]
        self._admin = AdminClient({"bootstrap.servers": servers})
        self._consumer = Consumer(
            {
                "bootstrap.servers": servers,
                "group.id": "witness",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 20,
            }
        )
        self._consumer.assign([TopicPartition(*place, 0) for place in self.seen])

    def read_to(self, ends: Mapping[Where, int]) -> None:
        """Take what stands before these ends; waits for what is written there and not committed yet."""
        deadline = monotonic() + READ_S
        while behind := [place for place, end in ends.items() if self._ends[place] < end]:
            assert monotonic() < deadline, f"not readable to its end: {behind}"
            message = self._consumer.poll(0.05)
            if message is None:
                continue
            place = message.topic() or "", message.partition() or 0
            offset, error = message.offset() or 0, message.error()
            if error is None:
                headers = cast("list[tuple[str, bytes]]", message.headers() or [])
                self.seen[place].append(Seen(place[1], offset, message.key(), message.value(), headers))
            else:
                assert error.code() == KafkaError._PARTITION_EOF, error
                self._ends[place] = offset

    def ends(self) -> dict[Where, int] | None:
        """Return where the partitions end now, with all that is not committed yet; None while some have no leader."""
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        asked = self._admin.list_offsets(dict.fromkeys(self._places, latest))
        try:
            return {(place.topic, place.partition): end.result(READ_S).offset for place, end in asked.items()}
        except KafkaException as error:
            if error.args[0].code() != KafkaError.NOT_LEADER_FOR_PARTITION:  # so it is called before they are opened
                raise
            return None

    def close(self) -> None:
        """Stop reading."""
        self._consumer.close()
        del self._admin  # it has no other end


def hidden(servers: str, topics: Iterable[str], partitions: int) -> list[str]:
    """Return the partitions of which a committed reader does not see the end: a transaction is open there."""
    admin = AdminClient({**QUIET, "bootstrap.servers": servers})
    latest: Any = OffsetSpec.latest()  # type: ignore[no-untyped-call]
    asked_for = {TopicPartition(topic, number): latest for topic in topics for number in range(partitions)}
    ends = []
    for level in (IsolationLevel.READ_COMMITTED, IsolationLevel.READ_UNCOMMITTED):
        asked = admin.list_offsets(asked_for, isolation_level=level, request_timeout=READ_S)
        ends.append({f"{place.topic}/{place.partition}": told.result().offset for place, told in asked.items()})
    return [place for place, end in ends[0].items() if end < ends[1][place]]
