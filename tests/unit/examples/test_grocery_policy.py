from pathlib import Path

import pytest

from agents.policy_files import load_bundle
from examples.grocery import adapter
from examples.grocery.categories import SHELVES
from examples.grocery.tables import Tables, load
from streams.policy import Policy, compile_policy

FOLDER = Path(adapter.__file__).parent / "policy"


@pytest.fixture(scope="module")
def policy() -> Policy:
    return compile_policy(dict(load_bundle(FOLDER)))


def test_the_bundle_has_no_problem_and_about_sixty_candidates(policy: Policy) -> None:
    assert 55 <= policy.points["checkout"].board.size <= 65
    assert len(policy.channels) == 3


def test_at_least_twenty_actions_are_coupons_of_real_categories(policy: Policy) -> None:
    coupons = [action for action in policy.actions if action.price.startswith("discount:")]
    assert len({action.category for action in coupons}) >= 20
    assert set(policy.categories) == set(SHELVES.values())


def test_each_event_of_the_year_is_declared_with_its_properties(policy: Policy, grocery_tables: Tables) -> None:
    told = {event.type: event for event in adapter.told(load(30, tables=grocery_tables))}
    assert set(told) == set(policy.events)
    for name, event in told.items():
        declared = policy.events[name]
        assert set(event.properties) <= set(declared.properties)
        assert set(declared.properties) - declared.optional <= set(event.properties)


def test_consent_is_asked_for_where_a_channel_needs_it(policy: Policy) -> None:
    needed = {channel.consent for channel in policy.channels.values()} - {""}
    assert needed == set(adapter.CONSENT_PERCENT)


def test_lines_have_rival_prices_and_intents(policy: Policy) -> None:
    by_line: dict[str, set[str]] = {}
    for action in policy.actions:
        by_line.setdefault(action.line, set()).add(action.price)
    assert any(len(prices) > 1 for prices in by_line.values())
    assert {"retain", "upsell", "cross_sell"} <= {action.intent for action in policy.actions}
