"""The state of one partition number: its sources' backlogs, its applier, its position, its committer.

Theory of operation. Agents put chunks into a source's backlog; `turn` takes from the backlogs in a fixed order of
sources (control, answers, events, ticks), calls the applier without any await in between and adds what came of it to
the committer. Nothing here waits: a shard that cannot go on (its applier is full, its committer has no room) is asked
again after the next commit, answer or timer, while its sources are paused at the consumer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from time import perf_counter
from typing import Final, Protocol

from aiokafka import ConsumerRecord, TopicPartition

from agents.transport.applier import Applier, Turn
from agents.transport.positions import Place, Position, Snapshot
from streams.topology import BY_NOUN, TOPICS, topic_name

ANSWERS: Final = "proposals"
LAST: Final = "ticks"  # a tick that overtook waiting events would make them late
TURN_RECORDS_MIN: Final = 16  # a turn costs as much as a few records


def in_order(nouns: Iterable[str]) -> list[str]:
    """Return sources in the order in which a shard takes them: control, answers, events, ticks."""
    rank = [topic.noun for topic in TOPICS]
    return sorted(nouns, key=lambda noun: (not BY_NOUN[noun].control, noun != ANSWERS, noun == LAST, -rank.index(noun)))


class Commits(Protocol):
    """What a shard's turns are given to; a worker's is a share in its `Committer`."""

    def has_room(self) -> bool:
        """Tell whether another turn may be added."""

    def add(self, turn: Turn, now: int, /) -> None:
        """Take one turn into the next commit; `now` is the wall clock in ms."""

    async def drain(self) -> None:
        """Commit what was added and wait for it."""

    async def stop(self) -> None:
        """Commit nothing more."""


class Source:
    """One topic of a shard: what was read and not yet applied."""

    __slots__ = ("backlog", "is_event", "next_offset", "paused", "records", "topic")

    def __init__(self, topic: str, *, is_event: bool) -> None:
        self.topic = topic
        self.is_event = is_event  # waits while the applier is full
        self.next_offset = 0  # where the next offered chunk has to begin, at least
        self.backlog: deque[Sequence[ConsumerRecord]] = deque()
        self.records = 0  # in the backlog
        self.paused = False

    def offer(self, records: Sequence[ConsumerRecord]) -> None:
        """Append what is not there yet."""
        if records[0].offset < self.next_offset:
            records = [record for record in records if record.offset >= self.next_offset]
            if not records:
                return
        self.next_offset = records[-1].offset + 1
        self.backlog.append(records)
        self.records += len(records)

    def forget(self, next_offset: int) -> None:
        """Drop the backlog; reading goes on at `next_offset`."""
        self.backlog.clear()
        self.records = 0
        self.paused = False
        self.next_offset = next_offset


class Shard:
    """One partition number between its assignment and its revocation."""

    def __init__(
        self, namespace: str, partition: int, nouns: Iterable[str], *, chunk_max: int, turn_ms_max: int
    ) -> None:
        """Prepare a shard that reads these sources."""
        self.partition = partition
        self.position = Position()
        self.wake_at: int | None = None
        self.held = False  # True: control records that were there before it are still to come
        self.sources = {
            topic: Source(topic, is_event=not BY_NOUN[noun].control and noun != ANSWERS)
            for noun in in_order(nouns)
            for topic in [topic_name(namespace, noun)]
        }
        self._grouped = [topic_name(namespace, noun) for noun in nouns if not BY_NOUN[noun].control]
        self._starts: dict[str, int] = {}
        self._chunk_max = chunk_max
        self._turn_s_max = turn_ms_max / 1000
        self._record_s = self._turn_s_max / chunk_max  # smoothed cost of one record
        self.applier: Applier
        self.committer: Commits

    def restore(self, position: Position, starts: dict[str, int]) -> None:
        """Go on at `position`; `starts` maps each source's topic to the first offset to read."""
        self.position, self._starts = position, starts
        self.forget()

    def begin(self, applier: Applier, committer: Commits) -> None:
        """Give the shard what it needs to run."""
        self.applier, self.committer = applier, committer
        self.wake_at = applier.wake_at()

    def next_offset(self, topic: str) -> int:
        """Return the offset behind the last record of `topic` that was applied."""
        place = self.position.places.get(topic)
        return self._starts[topic] if place is None else place.next_offset

    def snapshot(self) -> Snapshot:
        """Return the position as of now."""
        return self.position.snapshot()

    def offsets(self) -> dict[TopicPartition, int]:
        """Return, for each source that the group reads, the next offset as of now."""
        return {TopicPartition(topic, self.partition): self.next_offset(topic) for topic in self._grouped}

    def turn(self, now: int) -> Source | bool | None:
        """Apply one run of records or the timers that are due.

        Returns the source it took from, True after timers, None when there is nothing to do now. `now`: wall, ms.
        """
        if not self.committer.has_room():
            return None
        if self.wake_at is not None and self.wake_at <= now:
            self._keep(self.applier.fire(now), now)
            return True
        full: bool | None = None
        for source in self.sources.values():
            if not source.backlog:
                continue
            if source.is_event:
                if full is None:
                    full = self.held or self.applier.is_full()
                if full:
                    continue
            self._take(source, now)
            return source
        return None

    def forget(self) -> None:
        """Drop all backlogs; each source is to be read again from `next_offset`."""
        for source in self.sources.values():
            source.forget(self.next_offset(source.topic))

    def _take(self, source: Source, now: int) -> None:
        records = source.backlog[0]
        limit = min(self._chunk_max, max(TURN_RECORDS_MIN, int(self._turn_s_max / self._record_s)))
        run = records if len(records) <= limit else records[:limit]
        began = perf_counter()
        turn = self.applier.take(source.topic, run, now)
        consumed = turn.consumed
        if consumed:
            self._record_s += ((perf_counter() - began) / consumed - self._record_s) * 0.2
            last = run[consumed - 1]
            self.position.places[source.topic] = Place(last.offset + 1, last.timestamp)
            if consumed == len(records):
                source.backlog.popleft()
            else:
                source.backlog[0] = records[consumed:]
            source.records -= consumed
        elif not self.applier.is_full():
            raise RuntimeError(f"the applier took none of {len(run)} records of {source.topic} and is not full")
        self._keep(turn, now)

    def _keep(self, turn: Turn, now: int) -> None:
        if turn.consumed or turn.outputs or turn.changes or turn.step != self.position.step:
            self.position.step = turn.step
            self.committer.add(turn, now)
        self.wake_at = self.applier.wake_at()
