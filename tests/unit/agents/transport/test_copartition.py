"""Who gets which partition number."""

from __future__ import annotations

from aiokafka.coordinator.protocol import ConsumerProtocolMemberMetadata
from hypothesis import given
from hypothesis import strategies as st

from agents.transport.copartition import Copartition, Held, share

members = st.dictionaries(
    st.sampled_from("abcdefgh"),
    st.builds(Held, st.integers(0, 3), st.lists(st.integers(0, 11), unique=True)),
    min_size=1,
)


@given(members, st.integers(1, 12))
def test_every_number_has_one_owner_and_counts_differ_by_one_at_most(group: dict[str, Held], partitions: int) -> None:
    shares = share(group, partitions)
    assert sorted(number for numbers in shares.values() for number in numbers) == list(range(partitions))
    counts = [len(numbers) for numbers in shares.values()]
    assert max(counts) - min(counts) <= 1


@given(st.integers(1, 6), st.integers(1, 12))
def test_nobody_moves_when_nobody_comes_or_goes(workers: int, partitions: int) -> None:
    first = share({str(worker): Held(0, []) for worker in range(workers)}, partitions)
    again = share({name: Held(1, numbers) for name, numbers in first.items()}, partitions)
    assert {name: sorted(numbers) for name, numbers in again.items()} == first


def test_only_the_dead_ones_partitions_move() -> None:
    before = share({name: Held(0, []) for name in "abc"}, 9)
    after = share({name: Held(1, before[name]) for name in "ab"}, 9)
    assert set(before["a"]) <= set(after["a"])
    assert set(before["b"]) <= set(after["b"])


def test_of_two_that_claim_a_number_the_later_generation_has_it() -> None:
    shares = share({"zombie": Held(4, [0, 1]), "owner": Held(5, [0, 1])}, 4)
    assert {0, 1} == set(shares["owner"])


def test_all_topics_of_a_number_go_to_one_worker() -> None:
    assignor = Copartition(8, lambda: Held(0, []), lambda _: None)
    joined = {name: assignor.metadata(["raw-events", "proposals", "ticks"]) for name in ("x", "y", "z")}
    decoded = {name: ConsumerProtocolMemberMetadata.decode(told.encode()) for name, told in joined.items()}
    for assignment in assignor.assign(None, decoded).values():
        by_topic = dict(assignment.assignment)
        assert set(by_topic) == {"raw-events", "proposals", "ticks"}
        assert len({tuple(numbers) for numbers in by_topic.values()}) == 1
