"""When something may go out, to the quarter of an hour, on the days on which clocks change too."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from streams.decision.release import after_quiet
from streams.policy.channels import QuietHours

NIGHT = QuietHours(21 * 60, 8 * 60, 0, bypassable=False)
BERLIN = "Europe/Berlin"


def at(text: str, zone: str = BERLIN, fold: int = 0) -> int:
    """Return the instant at which clocks in a zone show a time; fold: for the second time."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp() * 1_000)


@pytest.mark.parametrize(
    ("now", "released"),
    [
        ("2017-06-01T20:59:59.999", "2017-06-01T20:59:59.999"),
        ("2017-06-01T21:00", "2017-06-02T08:00"),
        ("2017-06-02T07:59:59.999", "2017-06-02T08:00"),
        ("2017-06-02T08:00", "2017-06-02T08:00"),
        ("2017-03-25T22:00", "2017-03-26T08:00"),  # a night of ten hours
        ("2017-10-28T22:00", "2017-10-29T08:00"),  # and one of twelve
    ],
)
def test_what_comes_in_quiet_hours_waits_for_their_end(now: str, released: str) -> None:
    assert after_quiet(NIGHT, BERLIN, at(now), "d") == at(released)


def test_an_end_that_clocks_leave_out_is_the_instant_after_the_gap() -> None:
    quiet = QuietHours(60, 2 * 60 + 30, 0, bypassable=False)
    assert after_quiet(quiet, BERLIN, at("2017-03-26T01:10"), "d") == at("2017-03-26T03:00")


def test_an_hour_that_comes_twice_is_quiet_twice() -> None:
    quiet = QuietHours(2 * 60, 3 * 60, 0, bypassable=False)
    first, second = at("2017-10-29T02:00"), at("2017-10-29T02:00", fold=1)
    assert second - first == 3_600_000
    assert after_quiet(quiet, BERLIN, first, "d") == after_quiet(quiet, BERLIN, second, "d") == at("2017-10-29T03:00")


def test_of_an_hour_that_comes_twice_and_is_half_quiet_both_halves_are() -> None:
    quiet = QuietHours(60, 2 * 60 + 30, 0, bypassable=False)
    assert after_quiet(quiet, BERLIN, at("2017-10-29T01:30"), "d") == at("2017-10-29T02:30")
    again = at("2017-10-29T02:00", fold=1)
    assert after_quiet(quiet, BERLIN, again, "d") == at("2017-10-29T02:30", fold=1)


def test_zones_that_are_off_by_quarters_are_exact_too() -> None:
    zone = "Pacific/Chatham"
    assert after_quiet(NIGHT, zone, at("2017-06-01T23:10", zone), "d") == at("2017-06-02T08:00", zone)


def test_what_waited_is_spread_by_its_name_and_what_did_not_is_not() -> None:
    spread = QuietHours(21 * 60, 8 * 60, 1_800_000, bypassable=False)
    found = [after_quiet(spread, BERLIN, at("2017-06-01T23:00"), f"d{n}") - at("2017-06-02T08:00") for n in range(100)]
    assert all(0 <= one < 1_800_000 for one in found)
    assert len(set(found)) > 90
    assert after_quiet(spread, BERLIN, at("2017-06-01T12:00"), "d") == at("2017-06-01T12:00")
