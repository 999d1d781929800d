"""The turnstile's rules, on one shard with a committer that only notes what it is given."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from aiokafka import ConsumerRecord

from agents.transport.applier import Turn
from agents.transport.positions import Place, Position
from agents.transport.shard import Shard, Source, in_order

NOUNS = ("raw-events", "routed-events", "proposals", "ticks", "policies")


class Notes:
    """A committer's face to its shard."""

    def __init__(self) -> None:
        self.turns: list[Turn] = []
        self.room = True
        self.committed: dict[str, Place] = {}

    def add(self, turn: Turn, now: int) -> None:
        self.turns.append(turn)

    def has_room(self) -> bool:
        return self.room


class Scripted:
    """An applier that notes what it is given; at most `bite` records a call while `bite` is not None."""

    def __init__(self) -> None:
        self.step = 0
        self.taken: list[tuple[str, int]] = []
        self.full = False
        self.bite: int | None = None
        self.due: int | None = None
        self.fired: list[int] = []

    def take(self, topic: str, records: Sequence[ConsumerRecord], now: int) -> Turn:
        consumed = len(records) if self.bite is None else min(self.bite, len(records))
        self.full = self.full or self.bite is not None
        self.taken += [(topic, record.offset) for record in records[:consumed]]
        self.step += consumed
        return Turn([], {}, consumed, self.step)

    def wake_at(self) -> int | None:
        return self.due

    def fire(self, now: int) -> Turn:
        self.fired.append(now)
        self.due = None
        return Turn([], {}, 0, self.step)

    def is_full(self) -> bool:
        return self.full


def records(noun: str, *offsets: int) -> list[ConsumerRecord]:
    return [
        ConsumerRecord(f"c.{noun}.v1", 0, offset, 1_000 + offset, 0, b"k", b"v", None, 1, 1, []) for offset in offsets
    ]


@pytest.fixture
def applier() -> Scripted:
    return Scripted()


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def shard(applier: Scripted, notes: Notes) -> Shard:
    shard = Shard("c", 0, NOUNS, chunk_max=100, turn_ms_max=10)
    shard.restore(Position(), {f"c.{noun}.v1": 0 for noun in NOUNS})
    shard.begin(applier, notes)  # type: ignore[arg-type]
    return shard


def offer(shard: Shard, noun: str, *offsets: int) -> None:
    shard.sources[f"c.{noun}.v1"].offer(records(noun, *offsets))


def turn_all(shard: Shard, now: int = 0) -> None:
    while shard.turn(now) is not None:
        pass


def test_control_and_answers_come_before_events_and_ticks_after_them(shard: Shard, applier: Scripted) -> None:
    for noun in NOUNS:
        offer(shard, noun, 0)
    turn_all(shard)
    order = [topic.split(".")[1] for topic, _ in applier.taken]
    assert order == ["policies", "proposals", "routed-events", "raw-events", "ticks"]
    assert in_order(NOUNS) == order


def test_a_full_applier_gets_answers_and_no_events(shard: Shard, applier: Scripted) -> None:
    applier.full = True
    for noun in NOUNS:
        offer(shard, noun, 0)
    turn_all(shard)
    assert [topic.split(".")[1] for topic, _ in applier.taken] == ["policies", "proposals"]
    applier.full = False
    turn_all(shard)
    assert len(applier.taken) == 5


def test_what_was_not_consumed_is_offered_again_in_order(shard: Shard, applier: Scripted) -> None:
    offer(shard, "raw-events", *range(5))
    applier.bite = 2
    turn_all(shard)
    assert [offset for _, offset in applier.taken] == [0, 1]
    assert shard.position.places["c.raw-events.v1"] == Place(2, 1_001)
    applier.bite, applier.full = None, False
    turn_all(shard)
    assert [offset for _, offset in applier.taken] == [0, 1, 2, 3, 4]
    assert shard.position.places["c.raw-events.v1"] == Place(5, 1_004)


def test_an_applier_that_takes_nothing_and_is_not_full_is_a_bug(shard: Shard, applier: Scripted) -> None:
    offer(shard, "proposals", 0)
    applier.bite = 0
    applier.is_full = lambda: False  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="took none of 1 records"):
        shard.turn(0)


def test_nothing_is_applied_without_room_to_commit_it(shard: Shard, applier: Scripted, notes: Notes) -> None:
    offer(shard, "proposals", 0)
    applier.due = shard.wake_at = 5
    notes.room = False
    assert shard.turn(10) is None
    assert (applier.taken, applier.fired) == ([], [])


def test_timers_that_are_due_come_first(shard: Shard, applier: Scripted) -> None:
    offer(shard, "proposals", 0)
    applier.due = shard.wake_at = 5
    assert shard.turn(4) is not True
    applier.due = shard.wake_at = 5
    assert shard.turn(5) is True
    assert applier.fired == [5]


def test_a_turn_that_did_nothing_is_not_committed(shard: Shard, applier: Scripted, notes: Notes) -> None:
    applier.due = shard.wake_at = 5
    assert shard.turn(5) is True
    assert notes.turns == []


def test_a_held_shard_takes_control_records_and_no_events(shard: Shard, applier: Scripted) -> None:
    shard.held = True
    offer(shard, "raw-events", 0)
    offer(shard, "policies", 0)
    turn_all(shard)
    assert [topic for topic, _ in applier.taken] == ["c.policies.v1"]


def test_what_was_offered_twice_is_taken_once(shard: Shard, applier: Scripted) -> None:
    offer(shard, "raw-events", 0, 1, 2)
    offer(shard, "raw-events", 1, 2, 3)
    offer(shard, "raw-events", 0, 1)
    turn_all(shard)
    assert [offset for _, offset in applier.taken] == [0, 1, 2, 3]


def test_after_forgetting_reading_goes_on_behind_what_was_applied(shard: Shard, applier: Scripted) -> None:
    offer(shard, "raw-events", 0, 1)
    turn_all(shard)
    offer(shard, "raw-events", 2, 3)
    shard.forget()
    assert shard.turn(0) is None
    assert shard.next_offset("c.raw-events.v1") == 2
    offer(shard, "raw-events", 2, 3)
    turn_all(shard)
    assert [offset for _, offset in applier.taken] == [0, 1, 2, 3]


def test_a_source_knows_its_backlog() -> None:
    source = Source("t", is_event=True)
    source.offer(records("raw-events", 5, 6))
    assert (source.records, source.next_offset) == (2, 7)
