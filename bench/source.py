"""The events of W0, W1 and W2: fed once, and what a sequential run makes of them, computed without a broker.

Person n has the key `person-n` and lives where Kafka's own partitioner puts it, so that peers which partition by key
and peers which keep the partition write alike. People take turns: within a chunk hardly anybody comes twice, which is
the worst case for everybody who coalesces rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from confluent_kafka import KafkaError, Message, Producer

from bench.peers.job import Row, doubled, encode_row
from streams.partition import partition_of

PARTITIONS: Final = 8
PEOPLE: Final = 20_000
TEXT: Final = b"x" * 244  # makes an event 300 bytes
FLUSH_S: Final = 60.0
POLL_EVERY: Final = 10_000

Told = tuple[bytes, bytes]  # key, value


class Source:
    """A number of events, by n."""

    def __init__(self, events: int, people: int = PEOPLE) -> None:
        """Make up people and their places."""
        self.events = events
        self.keys: Final = [b"person-%d" % person for person in range(people)]
        self.partitions: Final = [partition_of(key.decode(), PARTITIONS) for key in self.keys]

    def event(self, n: int) -> Told:
        """Return event n as it is fed."""
        key = self.keys[n % len(self.keys)]
        return key, b'{"n":%d,"key":"%b","amount":%d.0,"text":"%b"}' % (n, key, n % 97, TEXT)

    def told(self, partition: int) -> Iterator[Told]:
        """Generate the events of a partition, in order; a record's offset is its place in them."""
        people = len(self.keys)
        here = [person for person in range(people) if self.partitions[person] == partition]
        for first in range(0, self.events, people):
            for person in here:
                if first + person >= self.events:
                    return
                yield self.event(first + person)

    def outputs(self, work: str, partition: int) -> Iterator[Told]:
        """Generate what a sequential run says in a partition."""
        if work == "W1":
            return ((key, doubled(value)) for key, value in self.told(partition))
        return self.told(partition)

    def rows(self) -> dict[bytes, bytes]:
        """Return the rows that a sequential run leaves behind, by person's key."""
        kept: dict[bytes, Row] = {}
        offsets = [0] * PARTITIONS
        people = len(self.keys)
        for n in range(self.events):
            person = n % people
            row = kept.setdefault(self.keys[person], Row())
            partition = self.partitions[person]
            row.events, row.total, row.offset = row.events + 1, row.total + n % 97, offsets[partition]
            offsets[partition] += 1
        return {key: encode_row(row) for key, row in kept.items()}

    def feed(self, address: str, topic: str) -> None:
        """Write all events, each once and in order."""
        failures: list[str] = []

        def note(error: KafkaError | None, _: Message) -> None:
            failures.append(str(error))

        producer = Producer(
            {
                "bootstrap.servers": address,
                "enable.idempotence": True,
                "linger.ms": 20,
                "batch.size": 900_000,
                "queue.buffering.max.messages": 1_000_000,
                "queue.buffering.max.kbytes": 1 << 20,
                "delivery.report.only.error": True,
                "on_delivery": note,
                "log_level": 2,  # a broker that has just started makes the client try again, and say so
            }
        )
        people = len(self.keys)
        for n in range(self.events):
            key, value = self.event(n)
            while True:
                try:
                    producer.produce(topic, value, key, self.partitions[n % people])
                    break
                except BufferError:
                    producer.poll(0.05)
            if n % POLL_EVERY == 0:
                producer.poll(0)
        left = producer.flush(FLUSH_S)
        if left or failures:
            raise SystemExit(f"{topic}: {left} events were not written within {FLUSH_S:g} s; {failures[:3]}")
