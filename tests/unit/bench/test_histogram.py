"""Percentiles as HdrHistogram gives them: never flattered, off by a thousandth at most."""

from __future__ import annotations

import random
from math import ceil

import pytest

from bench.histogram import Histogram


def test_small_values_are_exact() -> None:
    histogram = Histogram(range(1, 1001))
    assert [histogram.percentile(percent) for percent in (0, 50, 99, 99.9, 100)] == [1, 500, 990, 999, 1000]
    assert histogram.maximum() == 1000
    assert len(histogram) == 1000


def test_large_values_are_off_by_a_thousandth_at_most_and_never_below() -> None:
    draw = random.Random(3)
    values = sorted(draw.randrange(10_000_000) for _ in range(5_000))
    histogram = Histogram(values)
    for percent in (1, 50, 90, 99, 99.9):
        exact = values[ceil(len(values) * percent / 100) - 1]
        assert exact <= histogram.percentile(percent) <= exact * 1.001 + 1


def test_rounds_add_up() -> None:
    one, two = Histogram([1, 2]), Histogram([3])
    one.add(two)
    assert (len(one), one.percentile(100)) == (3, 3)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 0"):
        Histogram([-1])
    with pytest.raises(ValueError, match="without values"):
        Histogram().percentile(50)
