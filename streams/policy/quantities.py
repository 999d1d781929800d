"""Quantities as people write them, turned into the integers that decide."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import ROUND_FLOOR, Decimal
from typing import Final
from zoneinfo import ZoneInfo

MICRO: Final = 1_000_000
PPM: Final = 1_000_000
PPB: Final = 1_000_000_000
SECOND_MS: Final = 1_000
UNITS_MS: Final = {"s": SECOND_MS, "m": 60 * SECOND_MS, "h": 3_600 * SECOND_MS, "d": 86_400 * SECOND_MS}

_DURATION: Final = re.compile(r"(\d{1,6})([smhd])")


def scaled(value: object, scale: int) -> int | None:
    """Return `value` times `scale`, rounded half up and exact in decimal; None if it is no finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    exact = Decimal(str(value))  # of the text that was written, not of the nearest binary fraction
    if not exact.is_finite():
        return None
    return int((exact * scale + Decimal("0.5")).to_integral_value(ROUND_FLOOR))


def duration_ms(value: object) -> int | None:
    """Return the milliseconds of `28d`, `72h`, `30m` or `90s`; None if it is none of these."""
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    return int(match[1]) * UNITS_MS[match[2]] if match else None


def instant_ms(value: object, zone: str) -> int | None:
    """Return the epoch milliseconds of an ISO date or date and time, in `zone` unless it names an offset itself."""
    try:
        told = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    if told.tzinfo is None:
        told = told.replace(tzinfo=ZoneInfo(zone))
    return int(told.timestamp()) * SECOND_MS


def is_zone(name: str) -> bool:
    """Tell whether `name` is an IANA time zone (a bare offset is not: it does not know when its clocks change)."""
    try:
        return ZoneInfo(name).key == name and not name.startswith("Etc/GMT")
    except (KeyError, ValueError, OSError):  # not found · not a key · a directory of the zone database
        return False
