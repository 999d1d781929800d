"""The simulation can fail: it finds each planted error, and shrinks the script that shows it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.simulation.bugs import BUGS, Plant, no_fencing
from tests.simulation.campaign import explain, play_seeds
from tests.simulation.in_place import simulated


@pytest.fixture(autouse=True)
def in_place() -> Iterator[None]:
    """Put the simulation in place."""
    with simulated():
        yield


@pytest.mark.parametrize("plant", BUGS, ids=lambda plant: plant.__name__)
def test_a_planted_error_is_found(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    seeds = range(1, BUGS[plant] + 1)
    assert any(verdict.flaws for _, verdict in play_seeds(seeds)), f"{plant.__doc__} No seed of {seeds} shows it."


def test_a_failing_seed_is_told_with_the_happenings_that_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    no_fencing(monkeypatch)
    seed = next(seed for seed, verdict in play_seeds(range(1, BUGS[no_fencing] + 1)) if verdict.flaws)
    said = explain(seed)
    assert said.startswith(f"seed {seed} ")
    assert said.count("Happening(") < 15
    assert said.endswith(f"--seeds {seed}")
    assert explain(seed) == said
