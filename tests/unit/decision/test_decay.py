from __future__ import annotations

from decimal import Decimal, localcontext

import pytest

from streams.decision.decay import FACTORS, HOUR_MS, decayed


def test_the_table_is_the_power_of_two_rounded_down() -> None:
    with localcontext() as context:
        context.prec = 60
        assert list(FACTORS) == [int(Decimal(2) ** (Decimal(-hours) / 72) * 10**9) for hours in range(72)]


@pytest.mark.parametrize(
    ("elapsed_h", "left"),
    [(0, 1_000_000), (1, 990_419), (72, 500_000), (144, 250_000), (73, 495_209), (72 * 60, 0), (-5, 1_000_000)],
)
def test_half_is_gone_after_72_hours(elapsed_h: int, left: int) -> None:
    assert decayed(1_000_000, elapsed_h * HOUR_MS) == left


def test_only_whole_hours_count() -> None:
    assert decayed(1_000_000, HOUR_MS - 1) == 1_000_000
    assert decayed(0, 10**12) == 0
