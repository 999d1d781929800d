"""Release: when what is chosen may go out, by the person's local day and by the model that knows the better moment."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from datetime import datetime
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from streams.decision.calendar import QUARTER_MS
from streams.decision.verdict import Reading
from streams.policy.bitsets import union
from streams.policy.board import Board
from streams.policy.channels import QuietHours
from streams.policy.quantities import MICRO, UNITS_MS

DEFERRALS_MAX: Final = 3
CACHED_MAX: Final = 65_536


def releases(board: Board, zone: str, readings: list[Reading], deferrals: int, decision_id: str, now: int) -> list[int]:
    """Return, for each timing of the board, when its candidates may go out; never before `now`.

    A model's moment is asked for once: what was deferred is not moved again, or it would never go out.
    """
    out: list[int] = []
    for timing in board.timings:
        at = now
        if timing.seat >= 0 and not deferrals and readings[timing.seat].status == "ok":
            at += readings[timing.seat].outputs[0] * UNITS_MS["h"] // MICRO
        if timing.quiet is not None:
            at = after_quiet(timing.quiet, zone, at, f"{decision_id}|{timing.channel_id}")
        out.append(at)
    return out


def release_at(board: Board, released_at: list[int], candidate: int, now: int) -> int:
    """Return when a candidate may go out, of what `releases` found."""
    timing = board.timing_of[candidate]
    return now if timing < 0 else released_at[timing]


def after_quiet(quiet: QuietHours, zone: str, at: int, name: str) -> int:
    """Return the first instant at or after `at` that is not quiet in a zone; one that moves is spread by its name.

    A local time that clocks leave out is passed with the instant after the gap; one that comes twice is quiet twice.
    """
    quarter = at // QUARTER_MS
    end = _end(quiet.begins, quiet.ends, zone, quarter)
    if end == quarter:
        return at
    spread = int.from_bytes(hashlib.sha256(f"release|{name}".encode()).digest()[:8], "big")
    return end * QUARTER_MS + (spread % quiet.jitter_ms if quiet.jitter_ms else 0)


@lru_cache(maxsize=CACHED_MAX)
def _end(begins: int, ends: int, zone: str, quarter: int) -> int:
    """Return the first quarter of an hour, counted from the epoch, from this one on that is not quiet."""
    quiet, local = QuietHours(begins, ends, 0, False), ZoneInfo(zone)
    while True:
        at = datetime.fromtimestamp(quarter * QUARTER_MS // 1_000, local)
        if not quiet.covers(at.hour * 60 + at.minute):
            return quarter
        quarter += 1


def refused_by_release(board: Board, released_at: list[int], deferrals: int, now: int) -> int:
    """Refuse what could go out only when it is not valid any more, and promotions that were deferred too often."""
    refused: list[int] = []
    for place, timing in enumerate(board.timings):
        at = released_at[place]
        if at > now:
            is_over = timing.klass == "promo" and deferrals >= DEFERRALS_MAX
            refusing = board.everyone if is_over else board.invalid[bisect_right(board.instants, at)]
            refused.append(timing.candidates & refusing)
    return union(refused)
