"""The line in which examples wait for their barrier."""

from __future__ import annotations

from typing import Any, Final

from aiokafka.structs import ConsumerRecord

from agents.codecs.avro import ENCODERS
from agents.trainers.lockstep import Lineup
from streams.records import Tick
from tests import examples_of_models as made
from tests.records import kafka_record

DAY_MS: Final = 86_400_000


def example(final_at: int, decision_id: str, offset: int, partition: int = 0) -> ConsumerRecord[Any, Any]:
    told = made.example(1)
    told.final_at, told.decision_id = final_at, decision_id
    return kafka_record(ENCODERS["training_example"](told), offset=offset, partition=partition)


def said(barrier: int, partition: int) -> ConsumerRecord[Any, Any]:
    return kafka_record(ENCODERS["tick"](Tick(barrier)), partition=partition)


def places(lineup: Lineup, barrier: int) -> list[tuple[int, int]]:
    return [(waiting.partition, waiting.offset) for waiting in lineup.before(barrier)]


def test_a_barrier_is_due_when_all_partitions_have_come_to_it_and_none_twice() -> None:
    lineup = Lineup(2, released=0)
    lineup.hear(said(DAY_MS, 0))
    assert lineup.barrier() == 0
    lineup.hear(said(3 * DAY_MS, 1))
    assert lineup.barrier() == DAY_MS
    lineup.released = DAY_MS
    assert lineup.barrier() == 0
    lineup.hear(said(4 * DAY_MS, 0))
    assert lineup.barrier() == 3 * DAY_MS


def test_what_is_final_before_a_barrier_comes_in_the_order_of_time_then_of_ids() -> None:
    lineup = Lineup(2, released=0)
    for record in (example(5, "b", 0), example(7, "a", 1), example(5, "a", 0, 1), example(9, "c", 1, 1)):
        lineup.add(record)
    assert places(lineup, 9) == [(1, 0), (0, 0), (0, 1)]
    assert places(lineup, 9) == []
    assert places(lineup, 10) == [(1, 1)]


def test_no_record_overtakes_the_one_before_it_or_a_position_would_skip_it() -> None:
    lineup = Lineup(1, released=0)
    for record in (example(5, "a", 0), example(20, "b", 1), example(8, "c", 2), kafka_record(b"garbage", offset=3)):
        lineup.add(record)
    assert places(lineup, 10) == [(0, 0)]
    assert places(lineup, 21) == [(0, 3), (0, 1), (0, 2)]


def test_garbage_before_the_first_example_waits_for_no_barrier() -> None:
    lineup = Lineup(1, released=0)
    lineup.add(kafka_record(b"garbage"))
    assert places(lineup, DAY_MS) == [(0, 0)]


def test_what_is_no_barrier_says_nothing() -> None:
    lineup = Lineup(1, 0)
    lineup.hear(kafka_record(b"\x07", "barriers"))
    assert lineup.barrier() == 0
