"""Tests a policy by its scenarios: what happens in each against what is expected."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from agents.errors import UserError
from agents.policy_files import load_policy
from agents.scenarios.playing import play
from agents.scenarios.reading import Scenario, find_scenarios, read_scenario
from streams.policy.problems import expected_one_of

EXPECTED: Final = "expect.yaml"  # where `--write` puts what happened
WIDE: Final = 10_000  # characters: a line stays one


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one scenario."""

    scenario: Scenario
    happened: tuple[str, ...]

    @property
    def is_as_expected(self) -> bool:
        """Tell whether exactly that happened which is expected."""
        return self.happened == self.scenario.expected

    def told(self) -> str:
        """Return it in words; where it differs, line by line."""
        head = f"{'ok    ' if self.is_as_expected else 'FAILED'}  {self.scenario.name}: {self.scenario.about}"
        if self.is_as_expected:
            return head
        lines = difflib.ndiff(self.scenario.expected, self.happened)
        return "\n".join([head, *(f"  {line}" for line in lines if not line.startswith("?"))])


def play_all(folder: Path, names: Sequence[str], *, write: bool) -> Iterator[Result]:
    """Yield the results of these scenarios of a policy, or of all; raises UserError for files that are wrong.

    write: what happens becomes what is expected.
    """
    bundle, policy = load_policy(folder)
    folders = {found.name: found for found in find_scenarios(folder)}
    for name in names:
        if name not in folders:
            raise UserError(f"no scenario is called {name!r}: {expected_one_of(folders, name)}")
    for name in names or folders:
        scenario = read_scenario(folders[name], policy)
        happened = tuple(play(scenario, bundle))
        if write:
            scenario = _write(scenario, happened)
        yield Result(scenario, happened)


def _write(scenario: Scenario, happened: tuple[str, ...]) -> Scenario:
    """Write what happened into a file of its own; raises UserError where another one has something to expect."""
    target = scenario.folder / EXPECTED
    if scenario.expected and not target.exists():
        raise UserError(f"{scenario.folder}: expected `expect` to stand in {EXPECTED}, which is written anew")
    text = yaml.safe_dump({"expect": list(happened)}, allow_unicode=True, width=WIDE)
    target.write_text(text, encoding="utf-8")
    return Scenario(
        scenario.name, scenario.about, scenario.answers, scenario.happenings, scenario.until, happened, scenario.folder
    )
