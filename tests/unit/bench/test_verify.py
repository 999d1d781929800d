"""What verifies a benchmark finds what is wrong, planted one at a time in what a flawless peer writes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bench.peers.job import Row, encode_row
from bench.source import PARTITIONS, Source
from bench.verify import Seen, Wrong, check_outputs, check_rows

SOURCE = Source(200, people=30)
POSITION = b"\0position"

Records = list[Seen]


def outputs(work: str = "W2") -> Records:
    """Return what a flawless peer says: partitions interleaved as a reader gets them, each in its order."""
    partitions = [SOURCE.outputs(work, partition) for partition in range(PARTITIONS)]
    said = [[(partition, *told) for told in partitions[partition]] for partition in range(PARTITIONS)]
    longest = max(map(len, said))
    return [mine[place] for place in range(longest) for mine in said if place < len(mine)]


def rows() -> Records:
    """Return a changelog: an old value of each row, the newest one, and a position."""
    wanted = SOURCE.rows()
    old: Records = [(0, key, encode_row(Row())) for key in wanted]
    return [*old, *((0, key, row) for key, row in wanted.items()), (0, POSITION, b"somewhere")]


def check(said: Records, work: str = "W2") -> None:
    check_outputs(iter(said), {partition: SOURCE.outputs(work, partition) for partition in range(PARTITIONS)})


def lose(said: Records) -> None:
    del said[70]


def lose_the_last(said: Records) -> None:
    said.pop()


def repeat(said: Records) -> None:
    said.insert(70, said[70])


def swap(said: Records) -> None:
    places = [place for place, one in enumerate(said) if one[0] == said[70][0]]
    one, two = places[3], places[4]
    said[one], said[two] = said[two], said[one]


def misplace(said: Records) -> None:
    partition, key, value = said[70]
    said[70] = ((partition or 0) ^ 1, key, value)


def alter_a_value(said: Records) -> None:
    partition, key, value = said[70]
    said[70] = (partition, key, (value or b"").replace(b"x", b"y", 1))


def alter_a_key(said: Records) -> None:
    partition, _, value = said[70]
    said[70] = (partition, b"person-x", value)


def invent(said: Records) -> None:
    said.append((0, b"person-1", b"{}"))


def test_a_flawless_peer_passes() -> None:
    for work in ("W0", "W1", "W2"):
        check(outputs(work), work)
    check_rows(iter(rows()), SOURCE.rows(), [POSITION])


@pytest.mark.parametrize(
    "plant",
    [lose, lose_the_last, repeat, swap, misplace, alter_a_value, alter_a_key, invent],
    ids=lambda plant: plant.__name__,
)
def test_a_wrong_output_is_found(plant: Callable[[Records], None]) -> None:
    said = outputs()
    plant(said)
    with pytest.raises(Wrong, match="partition"):
        check(said)


def test_w1_without_its_field_is_found() -> None:
    with pytest.raises(Wrong, match=r"expected .*doubled"):
        check(outputs("W0"), "W1")


def test_the_message_says_where_and_what() -> None:
    said = outputs()
    alter_a_value(said)
    with pytest.raises(Wrong) as caught:
        check(said)
    assert f"partition {said[70][0]}, output" in str(caught.value)
    assert "expected" in str(caught.value)
    assert "came" in str(caught.value)


def an_old_row(said: Records) -> None:
    said.append(said[0])


def a_lost_row(said: Records) -> None:
    key = said[0][1]
    said[:] = [one for one in said if one[1] != key]


def a_deleted_row(said: Records) -> None:
    said.append((0, said[0][1], None))


def a_strange_row(said: Records) -> None:
    said.append((0, b"somebody", b"\x93\x01"))


def a_row_that_is_off_by_one(said: Records) -> None:
    said.append((0, said[0][1], encode_row(Row(7, 100.0, 6))))


@pytest.mark.parametrize(
    "plant",
    [an_old_row, a_lost_row, a_deleted_row, a_strange_row, a_row_that_is_off_by_one],
    ids=lambda plant: plant.__name__,
)
def test_a_wrong_row_is_found(plant: Callable[[Records], None]) -> None:
    said = rows()
    plant(said)
    with pytest.raises(Wrong, match="row"):
        check_rows(iter(said), SOURCE.rows(), [POSITION])


def test_what_a_peer_keeps_for_itself_has_to_be_declared() -> None:
    with pytest.raises(Wrong, match="position"):
        check_rows(iter(rows()), SOURCE.rows())


def test_the_reference_counts_every_event_once() -> None:
    kept = SOURCE.rows()
    told = [len(list(SOURCE.told(partition))) for partition in range(PARTITIONS)]
    assert sum(told) == SOURCE.events
    assert len(kept) == 30
