"""The judge finds every bug that is planted in the engine, and nothing in the month in which none is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest

from tests.faults.mutants.by_hand import BY_HAND
from tests.faults.mutants.by_mutmut import BY_MUTMUT, FATES
from tests.faults.mutants.planting import Mutant
from tests.faults.mutants.trial import attempt, clean
from tests.faults.mutants.unchanged import UNCHANGED

SEEDS: Final = (1, 2)  # not every bug shows in every month
QUICK: Final = {"a cap lets one more through", "a duplicate is accepted now and then", "the chain is over other bytes"}
ALL: Final = (*BY_HAND, *BY_MUTMUT)


def each() -> Iterator[object]:
    """Yield the bugs, all but a few of them slow."""
    for mutant in ALL:
        yield pytest.param(mutant, id=mutant.name, marks=() if mutant.name in QUICK else pytest.mark.slow)


@pytest.fixture(scope="module")
def at_work() -> dict[int, set[str]]:
    """Return the mechanisms that are at work in a month without a bug, by its seed."""
    return {seed: clean(seed)[1] for seed in SEEDS}


@pytest.mark.parametrize("mutant", list(each()))
def test_a_bug_that_is_planted_is_found(mutant: Mutant, at_work: dict[int, set[str]]) -> None:
    trials = (attempt(mutant, seed, at_work[seed]) for seed in SEEDS)
    assert any(trial.found or trial.unseen for trial in trials if not trial.ended)


@pytest.mark.parametrize("mutant", ALL, ids=lambda mutant: mutant.name)
def test_a_bug_is_an_edit_of_the_engine_as_it_is(mutant: Mutant) -> None:
    old, new = mutant.original().__code__, mutant.changed().__code__
    assert (old.co_code, old.co_consts, old.co_names) != (new.co_code, new.co_consts, new.co_names)


def test_there_are_twenty_bugs_and_more_and_enough_of_them_nobody_chose() -> None:
    assert len(BY_HAND) >= 20
    assert len(BY_MUTMUT) >= 15
    assert len({mutant.name for mutant in ALL}) == len(ALL)
    assert not UNCHANGED.keys() & {mutant.name for mutant in BY_MUTMUT}
    assert sum(FATES.values()) >= len(BY_MUTMUT) + len(UNCHANGED)
    assert not any(fate.isupper() for fate in FATES)
