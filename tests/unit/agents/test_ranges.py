"""A range says which decisions are meant, and a person need not say more than he means."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from agents.ranges import Within, parse

ID = "3f0c9e5a7d1b42f8a6e4c2d09b8f7165"
ZONE = "America/New_York"


def at(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("all", Within()),
        (ID, Within(ID)),
        ("2017-06-01..2017-07-01", Within("", at("2017-06-01T04:00"), at("2017-07-01T04:00"))),
        ("2017-06-01..", Within("", at("2017-06-01T04:00"))),
        ("..2017-06-01T12:30Z", Within("", None, at("2017-06-01T12:30"))),
        ("2017-06-01", Within("", at("2017-06-01T04:00"), at("2017-06-02T04:00"))),
        ("2017-11-05", Within("", at("2017-11-05T04:00"), at("2017-11-06T05:00"))),  # a day of 25 hours
        ("2017-06-01T12:30:05+02:00", Within("", at("2017-06-01T10:30:05"), at("2017-06-01T10:30:06"))),
        ("1500000000000..1500000000001", Within("", 1_500_000_000_000, 1_500_000_000_001)),
    ],
)
def test_what_is_said_is_what_is_meant(said: str, meant: Within) -> None:
    assert parse(said).within(ZONE) == meant


@pytest.mark.parametrize("said", ["", "..", "everything", "2017-13-01..", "2017-06-01...2017-07-01", ID[:-1], "June"])
def test_what_is_no_range_is_refused_with_examples(said: str) -> None:
    with pytest.raises(ValueError, match=r"expected a range such as all, a decision's id, 2017-06-01\.\.2017-07-01"):
        parse(said)


@pytest.mark.parametrize("said", ["2017-07-01..2017-06-01", "2017-07-01..2017-07-01"])
def test_a_stretch_that_ends_before_it_begins_is_refused(said: str) -> None:
    with pytest.raises(ValueError, match="ends before it begins"):
        parse(said)


def test_a_range_is_half_open() -> None:
    within = Within("", 10, 20)
    assert [within.holds(ID, at) for at in (9, 10, 19, 20)] == [False, True, True, False]
    assert not within.is_open
    assert Within("", 10).is_open
    assert Within().holds(ID, 0)


def test_one_decision_is_that_one_alone() -> None:
    assert Within(ID).holds(ID, 5)
    assert not Within(ID).holds("0" * 32, 5)
    assert not Within(ID).is_open
