"""The scenarios beside the example's policy happen as they are written down."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from agents.policy_files import load_policy
from agents.scenarios.comparing import play_all
from agents.scenarios.reading import find_scenarios
from streams.policy.lint import lint

POLICY: Final = Path(__file__).resolve().parents[2] / "examples/telecom/policy"
NEW_YEAR: Final = 1_798_761_600_000  # 2027


@pytest.mark.parametrize("name", [folder.name for folder in find_scenarios(POLICY)])
def test_what_is_expected_happens(name: str) -> None:
    (result,) = play_all(POLICY, [name], write=False)
    assert result.is_as_expected, result.told()


def test_the_policy_leaves_no_doubt() -> None:
    bundle, policy = load_policy(POLICY)
    assert bundle.tell(lint(policy, bundle, NEW_YEAR)) == ""
