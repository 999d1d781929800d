"""Choices of one happening, all from its one number: whatever else is left out of a script, they stay the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeVar

T = TypeVar("T")

_MASK: Final = (1 << 64) - 1


class Dice:
    """Rolls as often as one likes."""

    def __init__(self, number: int) -> None:
        self._state = number * 0x9E3779B97F4A7C15 & _MASK

    def roll(self, sides: int) -> int:
        """Return 0 to `sides` - 1."""
        self._state = self._state * 6364136223846793005 + 1442695040888963407 & _MASK
        return (self._state >> 33) % sides

    def one_of(self, options: Sequence[T]) -> T:
        """Return one of these."""
        return options[self.roll(len(options))]

    def is_in(self, percent: int) -> bool:
        """Tell whether something happens that happens so often."""
        return self.roll(100) < percent
