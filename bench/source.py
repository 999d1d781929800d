"""The events of W0, W1 and W2: fed once, and what a sequential run makes of them, computed without a broker.

Person n has the key `person-n` and lives where Kafka's own partitioner puts it, so that peers which partition by key
and peers which keep the partition write alike. People take turns: within a chunk hardly anybody comes twice, which is
the worst case for everybody who coalesces rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from bench.peers.job import Row, doubled, encode_row
from streams.partition import partition_of

PARTITIONS: Final = 8
PEOPLE: Final = 20_000
HOT: Final = 5
TEXT: Final = b"x" * 244  # makes an event 300 bytes

Told = tuple[bytes, bytes]  # key, value


class Source:
    """A number of events, by n."""

    def __init__(self, events: int, people: int = PEOPLE) -> None:
        """Make up people and their places."""
        self.events = events
        self.keys: Final = [b"person-%d" % person for person in range(people)]
        self.partitions: Final = [partition_of(key.decode(), PARTITIONS) for key in self.keys]

    def person(self, n: int) -> int:
        """Return who event n is about."""
        return n % len(self.keys)

    def event(self, n: int) -> Told:
        """Return event n as it is fed."""
        key = self.keys[self.person(n)]
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
        for n in range(self.events):
            person = self.person(n)
            row = kept.setdefault(self.keys[person], Row())
            partition = self.partitions[person]
            row.events, row.total, row.offset = row.events + 1, row.total + n % 97, offsets[partition]
            offsets[partition] += 1
        return {key: encode_row(row) for key, row in kept.items()}

    def records(self) -> Iterator[tuple[int, bytes, bytes]]:
        """Generate all events in the order in which they are fed: partition, key, value."""
        return ((self.partitions[self.person(n)], *self.event(n)) for n in range(self.events))


class HotSource(Source):
    """The same, but one event in HOT is about one person."""

    def person(self, n: int) -> int:
        """Return who event n is about."""
        return 0 if n % HOT == 0 else n % len(self.keys)

    def told(self, partition: int) -> Iterator[Told]:
        """Generate the events of a partition, in order."""
        return (self.event(n) for n in range(self.events) if self.partitions[self.person(n)] == partition)
