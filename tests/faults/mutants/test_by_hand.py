"""The judge finds every bug that is planted in the engine by hand, and nothing in the month in which none is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest

from tests.faults.mutants.by_hand import BY_HAND
from tests.faults.mutants.planting import Mutant
from tests.faults.mutants.trial import attempt, clean

SEEDS: Final = (1, 2)  # not every bug shows in every month
QUICK: Final = {"a cap lets one more through", "a duplicate is accepted now and then", "the chain is over other bytes"}


def each() -> Iterator[object]:
    """Yield the bugs, all but a few of them slow."""
    for mutant in BY_HAND:
        yield pytest.param(mutant, id=mutant.name, marks=() if mutant.name in QUICK else pytest.mark.slow)


@pytest.fixture(scope="module")
def at_work() -> dict[int, set[str]]:
    """Return the mechanisms that are at work in a month without a bug, by its seed."""
    return {seed: clean(seed)[1] for seed in SEEDS}


@pytest.mark.parametrize("mutant", list(each()))
def test_a_bug_that_somebody_might_write_is_found(mutant: Mutant, at_work: dict[int, set[str]]) -> None:
    trials = (attempt(mutant, seed, at_work[seed]) for seed in SEEDS)
    assert any(trial.found or trial.unseen for trial in trials if not trial.ended)
