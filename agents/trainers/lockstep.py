"""Training in lockstep: barrier by barrier, each when all of it is there, and in the order of the examples' own time.

Why two runs then publish the same versions stands in `streams/barriers.py`.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from agents.codecs.avro import decode_tick, decode_training_example
from agents.codecs.errors import Undecodable
from agents.trainers.trainer import Trainer


class Waiting(NamedTuple):
    """A record that waits for its barrier; no two share a place in the order."""

    due: int  # the latest `final_at` of its partition so far: none overtakes the one before it, or positions would lie
    decision_id: str
    partition: int
    offset: int
    record: ConsumerRecord[Any, Any]


class Lineup:
    """What was read and waits, and how far the partitions are."""

    def __init__(self, partitions: int, released: int) -> None:
        self.released = released  # the last barrier
        self._said: Final = [0] * partitions  # the last barrier of each
        self._latest: Final = [0] * partitions  # `final_at` so far
        self._waiting: Final[list[Waiting]] = []  # a heap

    def hear(self, record: ConsumerRecord[Any, Any]) -> None:
        """Take note of a partition's barrier; what is none says nothing."""
        with suppress(Undecodable):
            self._said[record.partition] = decode_tick(record.value).ticked_at

    def add(self, record: ConsumerRecord[Any, Any]) -> None:
        """Have an example wait; what is none goes with the one before it."""
        partition, decision_id = record.partition, ""
        try:
            example = decode_training_example(record.value)
        except Undecodable:
            pass  # whoever takes it says what is wrong with it
        else:
            decision_id = example.decision_id
            self._latest[partition] = max(self._latest[partition], example.final_at)
        place = (self._latest[partition], decision_id, partition, record.offset)
        heapq.heappush(self._waiting, Waiting(*place, record))

    def barrier(self) -> int:
        """Return the barrier that is to be released, once all partitions have come to it; until then 0."""
        low = min(self._said)
        return low if low > self.released else 0

    def before(self, barrier: int) -> Iterator[Waiting]:
        """Take what is due before a barrier, in order."""
        while self._waiting and self._waiting[0].due < barrier:
            yield heapq.heappop(self._waiting)


class Lockstep:
    """What a trainer in lockstep does with the records that it reads."""

    def __init__(
        self, trainer: Trainer, consumer: AIOKafkaConsumer, anything: AIOKafkaConsumer, barriers: list[TopicPartition]
    ) -> None:
        """Prepare to teach `trainer` what `consumer` reads; `anything` also sees what is not committed."""
        self._trainer: Final = trainer
        self._consumer: Final = consumer
        self._anything: Final = anything
        self._barriers: Final = barriers[0].topic
        self._lineup: Final = Lineup(len(barriers), trainer.released)
        self._ends: dict[TopicPartition, int] = {}  # up to where to read before the next barrier is released

    def take(self, record: ConsumerRecord[Any, Any]) -> None:
        """Take in a record that was read."""
        if record.topic == self._barriers:
            self._lineup.hear(record)
        else:
            self._lineup.add(record)

    async def go_on(self) -> None:
        """Learn up to the next barrier and release it, if all partitions have come to it and all before it is read."""
        barrier = self._lineup.barrier()
        if not barrier or not await self._has_read():
            return
        for waiting in self._lineup.before(barrier):
            await self._trainer.take(waiting.record)
            if waiting.due < self._lineup.released:
                self._trainer.refused.clear()  # learned again after a restart: what was wrong was said before it
        await self._trainer.publish(self._trainer.course.next_version(), barrier)
        self._lineup.released = barrier
        self._ends = {}

    async def _has_read(self) -> bool:
        """Tell whether everything has been read that was there when the last partition came to the barrier.

        Where a committed reader sees an end says nothing: the commit of a transaction reaches its partitions one by
        one, so a barrier can be read before the examples that were written with it.
        """
        self._ends = self._ends or await self._anything.end_offsets(self._consumer.assignment())
        return all([await self._consumer.position(place) >= end for place, end in self._ends.items()])
