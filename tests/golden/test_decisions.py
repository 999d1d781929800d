"""What a decision says of itself, diffed as text. `python -m tests.golden.test_decisions` writes the files anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.golden.scenarios import SCENARIOS, told

FOLDER = Path(__file__).parent / "decisions"


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_is_told_as_before(name: str) -> None:
    assert told(SCENARIOS[name]) == (FOLDER / f"{name}.txt").read_text(encoding="utf-8")


def test_no_scenario_is_left_over() -> None:
    assert {path.stem for path in FOLDER.glob("*.txt")} == set(SCENARIOS)


if __name__ == "__main__":
    for name, scenario in SCENARIOS.items():
        (FOLDER / f"{name}.txt").write_text(told(scenario), encoding="utf-8")
