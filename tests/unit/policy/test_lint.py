"""Doubts about a policy: each is found where it stands, and a sound policy has none."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from agents.policy_files import load_policy
from streams.policy import compile_policy
from streams.policy.lint import lint
from tests.builders import DAY_MS, NOW, small_policy

SOUP_OFF, SOUP_MORE, BREAD_BACK = range(3)


def doubts(bundle: dict[str, Any], now: int = NOW) -> dict[str, str]:
    return {".".join(map(str, one.path)): one.message for one in lint(compile_policy(bundle), bundle, now)}


def changed(path: str, value: Any) -> dict[str, Any]:
    """Return the small policy with one place changed, or added."""
    bundle = copy.deepcopy(small_policy())
    *around, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    section: Any = bundle
    for part in around:
        section = section[part]
    section[last] = value
    return bundle


def test_sound_policies_raise_no_doubt(root: Path) -> None:
    assert doubts(small_policy()) == {}
    bundle, policy = load_policy(root / "examples" / "grocery" / "policy")
    assert lint(policy, bundle, policy.actions[0].valid_from) == []


@pytest.mark.parametrize(("path", "value", "where", "said"), [
    ("actions.0.eligibility", "baskets_28d >= 3 and baskets_28d < 3", "actions.0.suitability", "nobody can fulfil"),
    ("actions.0.eligibility", "recency_d > 60", "actions.0.suitability", "nobody can fulfil"),
    ("actions.1.value", {"purchase": 0.0}, "actions.1.value", "soup_more never scores above"),
    ("actions.1.value", {"purchase": -1.0}, "actions.1.value", "soup_more never scores above"),
    ("contact.0.limit", 0, "contact.0.limit", "all-7d has a limit of 0"),
    ("conflicts.intents", [["retain", "winback"]], "conflicts.intents.0", "no action has the intent winback"),
    ("exploration", {"epsilon": 0.1, "delta": 0.0}, "exploration.delta", "between equal scores only"),
    ("exploration", {"epsilon": 0.001, "delta": 1.0}, "exploration.epsilon", "never explores"),
    ("delivery_channels.sms", {"cost": 0.1}, "delivery_channels.sms", "no treatment goes out by sms"),
    ("features.lines", {"count": "product_purchased", "window": "28d"}, "features.lines", "reads lines"),
    ("outcomes.call", {"event": "unsubscribed", "window": "7d"}, "outcomes.call", "nothing is valued by call"),
])  # fmt: skip
def test_a_doubt_is_found_where_it_stands(path: str, value: Any, where: str, said: str) -> None:
    found = doubts(changed(path, value))
    assert list(found) == [where]
    assert said in found[where]


def test_an_action_that_has_ended_is_doubted() -> None:
    found = doubts(small_policy(), NOW + 365 * DAY_MS)
    assert list(found) == [f"actions.{index}.valid_to" for index in range(4)]
    assert "soup_off ended at 2018-01-01T05:00:00" in found["actions.0.valid_to"]


def test_a_model_that_nobody_asks_is_doubted() -> None:
    bundle = changed("models.spare", {**small_policy()["models"]["lapse"]})
    assert doubts(bundle) == {"models.spare": "no decision point asks spare"}


def rule(**fields: Any) -> dict[str, Any]:
    return {"id": "new", "scope": "global", "limit": 3, "window": "rolling:7d", **fields}


@pytest.mark.parametrize(("new", "covered"), [
    (rule(limit=4), True),
    (rule(window="rolling:3d"), True),
    (rule(limit=2), False),  # then it covers the other one
    (rule(window="week"), False),
    (rule(exempt=[]), False),
    (rule(limit=4, **{"class": "promo"}), False),
    (rule(scope="channel", value="email", limit=1, window="day"), True),
    (rule(scope="channel", limit=1, window="day"), False),
])  # fmt: skip
def test_a_rule_that_a_stricter_one_covers_is_doubted(new: dict[str, Any], covered: bool) -> None:
    bundle = small_policy()
    found = doubts(bundle | {"contact": [*bundle["contact"], new]})
    assert ("new never binds" in found.get("contact.3", "")) == covered


def test_an_action_that_is_never_better_than_another_is_doubted_unless_a_cap_may_part_them() -> None:
    bundle = small_policy()
    worse = copy.deepcopy(bundle["actions"][SOUP_OFF]) | {"id": "worse", "value": {"purchase": 1.0, "retain": 0.5}}
    for treatment in worse["treatments"]:
        treatment["id"] = f"worse-{treatment['id']}"
    bundle["actions"] = [*bundle["actions"], worse]
    assert doubts(bundle) == {}
    bundle["contact"] = [one for one in bundle["contact"] if one["scope"] != "action"]
    assert list(doubts(bundle)) == ["actions.4"]
    worse["eligibility"] = ""
    assert doubts(bundle) == {}
