"""Latencies by three significant digits: as HdrHistogram keeps them, in counts by rounded value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from math import ceil
from typing import Final

_BITS: Final = 11  # kept of a value: an error of at most a thousandth


class Histogram:
    """Counts of values, of whatever unit; values below 2,048 are exact."""

    def __init__(self, values: Iterable[int] = ()) -> None:
        """Count some values."""
        self._counts: Counter[int] = Counter(map(_rounded, values))

    def __len__(self) -> int:
        return self._counts.total()

    def add(self, other: Histogram) -> None:
        """Count what the other one counted, too."""
        self._counts.update(other._counts)

    def percentile(self, percent: float) -> int:
        """Return the smallest value that so many percent of all values do not exceed."""
        wanted = max(1, ceil(len(self) * percent / 100))
        passed = 0
        for value in sorted(self._counts):
            passed += self._counts[value]
            if passed >= wanted:
                return value
        raise ValueError("a histogram without values has no percentiles")

    def maximum(self) -> int:
        """Return the largest value."""
        return max(self._counts)


def _rounded(value: int) -> int:
    """Return the value with its lowest bits set to 1, so that rounding never flatters."""
    if value < 0:
        raise ValueError(f"expected a latency of at least 0, came {value}")
    shift = max(0, value.bit_length() - _BITS)
    return value | ((1 << shift) - 1)
