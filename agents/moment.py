"""A time as a person says it: to the day, the minute or the second, in his own zone or in one that he names."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

EXAMPLES: Final = "2017-08-01, 2017-08-01T14:30, 2017-08-01T14:30:05-04:00 or 1501612200000"

MILLISECOND: Final = timedelta(milliseconds=1)
_EPOCH_MS: Final = re.compile(r"[0-9]{1,14}")  # up to the year 5138
_UNITS: Final = (
    (re.compile(r"\d{4}-\d\d-\d\d"), timedelta(days=1)),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d([+-].+|Z)?"), timedelta(minutes=1)),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d([+-].+|Z)?"), timedelta(seconds=1)),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\.\d+([+-].+|Z)?"), MILLISECOND),
)


@dataclass(frozen=True)
class Moment:
    """A stretch of time: what was said, to the precision with which it was said."""

    begin: datetime  # without an offset: in whichever zone one asks
    length: timedelta

    def first_ms(self, zone: str) -> int:
        """Return its first millisecond, epoch milliseconds; `zone` (IANA) counts where it names no offset."""
        begin = self.begin if self.begin.tzinfo else self.begin.replace(tzinfo=ZoneInfo(zone))
        return round(begin.timestamp() * 1000)

    def last_ms(self, zone: str) -> int:
        """Return the last millisecond in it, likewise."""
        return self.following().first_ms(zone) - 1

    def following(self) -> Moment:
        """Return the stretch of the same length that begins where this one ends."""
        end = self.begin + self.length  # local time, so that a day ends at midnight on days of 23 hours too
        return Moment(end, self.length)


def parse(text: str) -> Moment:
    """Return what a text says: an ISO 8601 date or time, or epoch milliseconds; raises ValueError."""
    if _EPOCH_MS.fullmatch(text):
        return Moment(datetime.fromisoformat("1970-01-01T00:00:00+00:00") + int(text) * MILLISECOND, MILLISECOND)
    for pattern, length in _UNITS:
        if pattern.fullmatch(text):
            with suppress(ValueError):
                return Moment(datetime.fromisoformat(text), length)
    raise ValueError(f"expected a time such as {EXAMPLES}, got {text!r}")
