"""A time as a person says it includes all that he cannot mean to leave out."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from agents.moment import parse


def at(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("said", "last"),
    [
        ("2017-08-01", "2017-08-02T03:59:59.999"),  # New York's day
        ("2017-08-01T14:30", "2017-08-01T18:30:59.999"),
        ("2017-08-01 14:30:05", "2017-08-01T18:30:05.999"),
        ("2017-08-01T14:30:05.123", "2017-08-01T18:30:05.123"),
        ("2017-08-01T14:30Z", "2017-08-01T14:30:59.999"),
        ("2017-08-01T14:30:05+02:00", "2017-08-01T12:30:05.999"),
        ("2017-11-05", "2017-11-06T04:59:59.999"),  # of 25 hours
        ("1501612200123", "2017-08-01T18:30:00.123"),
    ],
)
def test_a_time_ends_with_what_was_said_of_it(said: str, last: str) -> None:
    assert parse(said).last_ms("America/New_York") == at(last)


@pytest.mark.parametrize("said", ["", "yesterday", "2017-13-01", "2017-08-01T25:00", "01.08.2017", "-5", "9" * 20])
def test_what_is_no_time_is_refused_with_examples(said: str) -> None:
    with pytest.raises(ValueError, match="expected a time such as"):
        parse(said)
