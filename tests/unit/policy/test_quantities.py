from __future__ import annotations

import math

import pytest

from streams.policy.quantities import MICRO, PPB, duration_ms, instant_ms, is_zone, scaled


@pytest.mark.parametrize(
    ("value", "scale", "expected"),
    [
        (1.20, MICRO, 1_200_000),
        (0.1 + 0.2, MICRO, 300_000),
        (0.0000005, MICRO, 1),
        (0.0000004, MICRO, 0),
        (-0.0000005, MICRO, 0),
        (-1.5, 1, -1),
        (2.675, 100, 268),  # the nearest binary fraction lies below: the text that was written counts
        (7, 1, 7),
        (1e-9, PPB, 1),
        (math.nan, MICRO, None),
        (math.inf, MICRO, None),
        (True, 1, None),
        ("1", 1, None),
        (None, 1, None),
    ],
)
def test_numbers_are_rounded_half_up_as_they_were_written(value: object, scale: int, expected: int | None) -> None:
    assert scaled(value, scale) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("28d", 28 * 86_400_000),
        ("12h", 43_200_000),
        ("30m", 1_800_000),
        ("5s", 5_000),
        ("0h", 0),
        ("1w", None),
        ("d", None),
        ("1.5h", None),
        (" 1h", None),
        ("1000000d", None),
        (3, None),
    ],
)
def test_durations_have_one_unit(text: object, expected: int | None) -> None:
    assert duration_ms(text) == expected


@pytest.mark.parametrize(
    ("told", "zone", "expected"),
    [
        ("2017-01-01", "UTC", 1_483_228_800_000),
        ("2017-01-01", "America/New_York", 1_483_246_800_000),
        ("2017-07-01", "America/New_York", 1_498_881_600_000),
        ("2017-01-01T06:00", "UTC", 1_483_250_400_000),
        ("2017-01-01T01:00+01:00", "America/New_York", 1_483_228_800_000),
        ("soon", "UTC", None),
        (5, "UTC", None),
    ],
)
def test_instants_are_local_unless_they_say_otherwise(told: object, zone: str, expected: int | None) -> None:
    assert instant_ms(told, zone) == expected


@pytest.mark.parametrize("name", ["Europe/Paris", "America/New_York", "UTC"])
def test_zones(name: str) -> None:
    assert is_zone(name)


@pytest.mark.parametrize(
    "name", ["", "+02:00", "Etc/GMT+2", "Europe", "Europe/Nowhere", "../etc/passwd", "europe/paris\0"]
)
def test_no_zones(name: str) -> None:
    assert not is_zone(name)
