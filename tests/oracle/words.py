"""Amounts, times and hashes as their definitions have them."""

from __future__ import annotations

import hashlib
import math
from datetime import datetime, timedelta
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

DAY_MS: Final = 86_400_000
HOUR_MS: Final = 3_600_000
UNITS_MS: Final = {"d": DAY_MS, "h": HOUR_MS, "m": 60_000, "s": 1_000}


@lru_cache
def micro(amount: float, scale: int = 10**6) -> int:
    """Return an amount as it was written, in units of 1/scale, rounded half up."""
    return math.floor(Fraction(str(amount)) * scale + Fraction(1, 2))


def duration_ms(text: str) -> int:
    """Return the length of `28d`, `72h`, `30m` or `90s`."""
    return int(text[:-1]) * UNITS_MS[text[-1]]


@lru_cache
def instant_ms(text: str, zone: str) -> int:
    """Return a date or a time, in a zone unless it names an offset."""
    told = datetime.fromisoformat(text)
    return int((told if told.tzinfo else told.replace(tzinfo=ZoneInfo(zone))).timestamp()) * 1000


@lru_cache(maxsize=65_536)
def local_start(zone: str, quarter: int, window: str) -> int:
    """Return when the local day, week or month of a quarter of an hour began, by walking back from quarter to quarter.

    What begins within a quarter of an hour of UTC begins nowhere: every zone's clock is set by whole quarters.
    """

    def label(quarter: int) -> tuple[int, ...]:
        day = datetime.fromtimestamp(quarter * 900, ZoneInfo(zone)).date()
        if window == "week":
            day -= timedelta(days=day.weekday())
        return (day.year, day.month, day.day if window != "month" else 0)

    own = label(quarter)
    while label(quarter - 1) == own:
        quarter -= 1
    return quarter * 900_000


@lru_cache(maxsize=65_536)
def is_quiet(begins: str, ends: str, zone: str, quarter: int) -> bool:
    """Tell whether clocks in a zone show a time within quiet hours in a quarter of an hour from the epoch."""
    shown = f"{datetime.fromtimestamp(quarter * 900, ZoneInfo(zone)):%H:%M}"
    return begins <= shown < ends if begins < ends else not ends <= shown < begins


def after_quiet(told: dict[str, Any], zone: str, at: int, name: str) -> int:
    """Return the first instant from `at` on that is not quiet, spread by a name where that is later."""
    quarter = at // 900_000
    if not is_quiet(told["from"], told["to"], zone, quarter):
        return at
    while is_quiet(told["from"], told["to"], zone, quarter):
        quarter += 1
    jitter_ms = duration_ms(told.get("jitter", "0s"))
    drawn = int(hashlib.sha256(f"release|{name}".encode()).hexdigest()[:16], 16)
    return quarter * 900_000 + (drawn % jitter_ms if jitter_ms else 0)


@lru_cache
def factor_ppb(hours: int) -> int:
    """Return 2^(−hours/72) in ppb, rounded down."""
    with localcontext() as context:
        context.prec = 60
        return math.floor(Decimal(2) ** (Decimal(-hours) / 72) * 10**9)


def decayed(amount: int, elapsed_ms: int) -> int:
    """Return what is left of a pressure after whole hours, with a half-life of 72."""
    if elapsed_ms < HOUR_MS:
        return amount
    halvings, hours = divmod(elapsed_ms // HOUR_MS, 72)
    return math.floor(Fraction(amount // 2**halvings * factor_ppb(hours), 10**9))


@lru_cache(maxsize=65_536)
def bucket(seed: str, profile_id: str) -> int:
    """Return a person's bucket of 10,000: FNV-1a of the decimal digits of FNV-1a of seed and id."""

    def fnv(text: str) -> int:
        value = 2166136261
        for byte in text.encode():
            value = (value ^ byte) * 16777619 % 2**32
        return value

    return fnv(str(fnv(seed + profile_id))) % 10_000


def derived(kind: str, *parts: str) -> str:
    """Return the id that these parts cause: SHA-256 over lengths and parts, 16 bytes of it in hex."""
    message = b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in (kind, *parts))
    return hashlib.sha256(message).hexdigest()[:32]
