from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from streams.decision.calendar import starts


def at(text: str, zone: str, fold: int = 0) -> int:
    """Return the epoch milliseconds of a local time."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()) * 1000


@pytest.mark.parametrize(
    ("now", "zone", "day", "week", "month"),
    [
        ("2017-07-13T22:40", "America/New_York", "2017-07-13T00:00", "2017-07-10T00:00", "2017-07-01T00:00"),
        ("2017-07-10T00:00", "Asia/Tokyo", "2017-07-10T00:00", "2017-07-10T00:00", "2017-07-01T00:00"),
        ("2017-03-26T12:00", "Europe/Paris", "2017-03-26T00:00", "2017-03-20T00:00", "2017-03-01T00:00"),
        ("2017-03-01T00:07", "Asia/Kathmandu", "2017-03-01T00:00", "2017-02-27T00:00", "2017-03-01T00:00"),
        ("2018-01-01T09:00", "Pacific/Chatham", "2018-01-01T00:00", "2018-01-01T00:00", "2018-01-01T00:00"),
    ],
)  # fmt: skip
def test_day_week_and_month_begin_at_local_midnight(now: str, zone: str, day: str, week: str, month: str) -> None:
    assert starts(zone, at(now, zone)) == (at(day, zone), at(week, zone), at(month, zone))


def test_the_last_millisecond_belongs_to_the_day_before() -> None:
    midnight = at("2017-07-13T00:00", "Europe/Paris")
    assert starts("Europe/Paris", midnight)[0] == midnight
    assert starts("Europe/Paris", midnight - 1)[0] == at("2017-07-12T00:00", "Europe/Paris")


def test_where_clocks_skip_midnight_the_day_begins_after_the_gap() -> None:
    zone = "America/Sao_Paulo"  # on 2017-10-15 00:00 became 01:00
    assert starts(zone, at("2017-10-15T12:00", zone))[0] == at("2017-10-15T01:00", zone)


def test_where_midnight_comes_twice_the_day_begins_with_the_first() -> None:
    zone = "America/Havana"  # on 2017-11-05 01:00 became 00:00
    first = at("2017-11-05T00:00", zone)
    assert starts(zone, at("2017-11-05T00:30", zone, fold=1))[0] == first
    assert at("2017-11-05T00:00", zone, fold=1) == first + 3_600_000
