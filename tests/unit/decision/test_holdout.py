from __future__ import annotations

import pytest

from streams.decision.holdout import bucket


@pytest.mark.parametrize(
    ("seed", "identity", "expected"),
    [
        ("seed", "a", 505),
        ("seed", "b", 2696),
        ("foo", "ab", 2575),
        ("foo", "def", 2019),
        ("90850943850283058242805", "123", 7516),
    ],
)
def test_buckets_are_those_of_growthbook(seed: str, identity: str, expected: int) -> None:
    assert bucket(seed, identity) == expected
