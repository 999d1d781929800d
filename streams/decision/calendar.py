"""Calendar: where the person's local day, week and month began."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

QUARTER_MS: Final = 900_000  # offsets and their changes are multiples of it, so nothing begins within one
CACHED_MAX: Final = 65_536  # two years of one zone; 10 MiB
DAYS_MAX: Final = 4_096  # of a history, each read in several zones at a time

Starts = tuple[int, ...]  # of the day, the week (Monday), the month; epoch ms


@lru_cache(maxsize=CACHED_MAX)
def _starts(zone: str, quarter: int) -> Starts:
    return _starts_of(zone, datetime.fromtimestamp(quarter * QUARTER_MS // 1_000, ZoneInfo(zone)).toordinal())


@lru_cache(maxsize=DAYS_MAX)
def _starts_of(zone: str, ordinal: int) -> Starts:
    day = datetime.fromordinal(ordinal).replace(tzinfo=ZoneInfo(zone))
    week = (day - timedelta(days=day.weekday())).replace(fold=0)
    month = day.replace(day=1)
    return (int(day.timestamp()) * 1_000, int(week.timestamp()) * 1_000, int(month.timestamp()) * 1_000)


def starts(zone: str, at: int) -> Starts:
    """Return when the local day, week and month that contain `at` began in an IANA zone.

    Where clocks are put forward over midnight the day begins with the first instant after the gap; where midnight comes
    twice it begins with the first.
    """
    return _starts(zone, at // QUARTER_MS)
