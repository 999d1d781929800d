"""Wording: integers as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def _decimal(value: int, scale: int, places: int) -> str:
    """Return value/scale with so many places, rounded half away from zero."""
    unit = scale // 10**places
    whole, part = divmod((abs(value) + unit // 2) // unit, 10**places)
    sign = "−" if value < 0 and (whole or part) else ""
    return f"{sign}{whole:,}.{part:0{places}d}"


def money(micro: int, currency: str) -> str:
    """Return an amount, to a hundredth of a cent."""
    return f"{_decimal(micro, 10**6, 4)} {currency}".rstrip()


def percent(ppb: int) -> str:
    """Return a probability in percent."""
    return f"{_decimal(ppb, 10**7, 2)} %"


def times(ppm: int) -> str:
    """Return a multiplier."""
    return f"×{_decimal(ppm, 10**6, 2)}"


def instant(at: int, zone: str) -> str:
    """Return an instant in a person's local time."""
    return f"{(EPOCH + timedelta(milliseconds=at)).astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}"
