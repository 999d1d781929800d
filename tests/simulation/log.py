"""Kafka's log, small and faithful: partitions, transactions by producer epoch, and who of a group may commit.

A transaction's fate is decided at once, its markers follow later, partition by partition; until then its records stay
above the last stable offset. A marker takes an offset, so there are holes; compaction makes more of them.
What it cannot do: lose what it acknowledged, expire, rewrite an offset, or answer out of order to one producer.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeAlias

from aiokafka import TopicPartition
from aiokafka.errors import IllegalGenerationError, ProducerFenced, UnknownMemberIdError
from aiokafka.structs import ConsumerRecord

from tests.simulation.loop import Clock

Record: TypeAlias = ConsumerRecord[Any, Any]

TIMEOUT_MS: Final = 30_000  # of a transaction


class Message(NamedTuple):
    """What a producer sends."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    timestamp: int


@dataclass(eq=False, slots=True)
class Transaction:
    """One transaction of a producer."""

    producer: str
    began_at: int
    is_committed: bool | None = None  # None = open
    places: list[TopicPartition] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class Slot:
    """One offset: a record, or none where a marker stands or compaction was."""

    record: Record | None
    transaction: Transaction | None = None


@dataclass(eq=False, slots=True)
class Partition:
    """One partition's offsets, and where transactions begin whose markers it does not have."""

    slots: list[Slot] = field(default_factory=list)
    unmarked: dict[Transaction, int] = field(default_factory=dict)

    @property
    def stable(self) -> int:
        """The last stable offset: the first one that belongs to a transaction without marker, else the end."""
        return min(self.unmarked.values()) if self.unmarked else len(self.slots)


class Log:
    """All partitions, and the coordinator of the transactions."""

    def __init__(self, clock: Clock) -> None:
        self.partitions: Final[dict[TopicPartition, Partition]] = defaultdict(Partition)
        self.markers: Final[list[tuple[Transaction, TopicPartition]]] = []  # decided, and not yet written
        self.changes = 0  # of where readers end
        self._clock: Final = clock
        self.members: Final[dict[str, int]] = {}  # of the group, and their generation
        self._epochs: Final[dict[str, int]] = defaultdict(int)
        self._unfenced: Final[set[str]] = set()  # have written in their present epoch
        self._open: Final[dict[str, Transaction]] = {}

    # producers

    def begin(self, producer: str) -> int:
        """Fence whoever had this id: return the new epoch, having aborted what was open."""
        self._epochs[producer] += 1
        self._unfenced.discard(producer)
        transaction = self._open.get(producer)
        if transaction is not None:
            self._decide(transaction, is_committed=False)
        return self._epochs[producer]

    def produce(self, producer: str, epoch: int, place: TopicPartition, messages: list[Message]) -> None:
        """Append records to the producer's open transaction; raises ProducerFenced."""
        self._check(producer, epoch)
        self._unfenced.add(producer)
        transaction = self._open.get(producer)
        if transaction is None:
            for marker in [marker for marker in self.markers if marker[0].producer == producer]:
                self.mark(self.markers.index(marker))  # a coordinator finishes one transaction before the next
            transaction = self._open[producer] = Transaction(producer, self._clock.ms)
        partition = self.partitions[place]
        if transaction not in partition.unmarked:
            partition.unmarked[transaction] = len(partition.slots)
            transaction.places.append(place)
        for message in messages:
            self.append(place, message, transaction)

    def unfenced(self) -> list[str]:
        """Return the producers that have written since somebody began with their id."""
        return sorted(self._unfenced)

    def commit_offsets(self, producer: str, epoch: int, member: str, generation: int) -> None:
        """Take a group's offsets into the open transaction; refuse whoever is not of the group's generation."""
        self._check(producer, epoch)
        if member not in self.members:
            raise UnknownMemberIdError
        if self.members[member] != generation:
            raise IllegalGenerationError

    def end(self, producer: str, epoch: int, *, is_committed: bool) -> None:
        """Decide the open transaction; raises ProducerFenced."""
        self._check(producer, epoch)
        transaction = self._open.get(producer)
        if transaction is not None:
            self._decide(transaction, is_committed=is_committed)

    def expire(self) -> None:
        """Abort what has been open for too long, and refuse whoever began it."""
        for producer, transaction in list(self._open.items()):
            if self._clock.ms - transaction.began_at > TIMEOUT_MS:
                self.begin(producer)

    def mark(self, number: int) -> None:
        """Write one of the markers that are still to be written."""
        transaction, place = self.markers.pop(number)
        partition = self.partitions[place]
        del partition.unmarked[transaction]
        self.changes += 1
        partition.slots.append(Slot(None))

    def append(self, place: TopicPartition, message: Message, transaction: Transaction | None = None) -> None:
        """Append one record, outside of any transaction unless one is given."""
        key, value, headers, timestamp = message
        slots = self.partitions[place].slots
        record = ConsumerRecord(*place, len(slots), timestamp, 0, key, value, None, 0, 0, headers)
        slots.append(Slot(record, transaction))
        self.changes += 1

    def compact(self, place: TopicPartition) -> None:
        """Leave only the last of the committed records of each key."""
        partition = self.partitions[place]
        last: dict[bytes, Slot] = {}
        for slot in partition.slots[: partition.stable]:
            if slot.record is None:
                continue
            if slot.transaction is not None and not slot.transaction.is_committed:
                slot.record = None
                continue
            if slot.record.key in last:
                last[slot.record.key].record = None
            last[slot.record.key] = slot

    # consumers

    def end_offset(self, place: TopicPartition, *, committed: bool) -> int:
        """Return where a reader ends: at the last stable offset, or at the high watermark."""
        partition = self.partitions[place]
        return partition.stable if committed else len(partition.slots)

    def fetch(
        self, place: TopicPartition, offset: int, records_max: int = 1 << 30, *, committed: bool
    ) -> tuple[list[Record], int]:
        """Return records from an offset on, and the offset behind what was looked at."""
        slots = self.partitions[place].slots
        end = self.end_offset(place, committed=committed)
        found: list[Record] = []
        while offset < end and len(found) < records_max:
            slot = slots[offset]
            offset += 1
            if slot.record is None:
                continue
            if committed and slot.transaction is not None and not slot.transaction.is_committed:
                continue
            found.append(slot.record)
        return found, offset

    def committed(self, place: TopicPartition) -> list[Record]:
        """Return every committed record, those behind an open transaction too."""
        return [one for one, transaction in self._records(place) if transaction is None or transaction.is_committed]

    def aborted(self, place: TopicPartition) -> list[Record]:
        """Return every record of which nothing came."""
        return [one for one, transaction in self._records(place) if transaction and transaction.is_committed is False]

    def _records(self, place: TopicPartition) -> list[tuple[Record, Transaction | None]]:
        slots = self.partitions[place].slots if place in self.partitions else []
        return [(slot.record, slot.transaction) for slot in slots if slot.record is not None]

    def _check(self, producer: str, epoch: int) -> None:
        if epoch != self._epochs[producer]:
            raise ProducerFenced(f"{producer} has epoch {self._epochs[producer]}, this one is of epoch {epoch}")

    def _decide(self, transaction: Transaction, *, is_committed: bool) -> None:
        del self._open[transaction.producer]
        transaction.is_committed = is_committed
        self.markers.extend((transaction, place) for place in transaction.places)
