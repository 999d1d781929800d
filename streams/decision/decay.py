"""Decay: half of the pressure is gone after 72 hours."""

from __future__ import annotations

from typing import Final

HOUR_MS: Final = 3_600_000
HALF_LIFE_H: Final = 72
WHOLE: Final = 1_000_000_000


def _root(hours: int) -> int:
    """Return 2^(−hours/72) in ppb, rounded down; by bisection in integers, so that every machine has the same table."""
    low, high = 0, WHOLE + 1
    while high - low > 1:
        middle = (low + high) // 2
        if middle**HALF_LIFE_H << hours <= WHOLE**HALF_LIFE_H:
            low = middle
        else:
            high = middle
    return low


FACTORS: Final = tuple(_root(hours) for hours in range(HALF_LIFE_H))


def decayed(amount: int, elapsed_ms: int) -> int:
    """Return what is left of an amount after so many whole hours; a negative time has not begun."""
    if elapsed_ms < HOUR_MS or not amount:
        return amount
    halvings, hours = divmod(elapsed_ms // HOUR_MS, HALF_LIFE_H)
    return (amount >> halvings) * FACTORS[hours] // WHOLE
