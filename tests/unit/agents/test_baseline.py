"""The uncoordinated arm: what teams would do alone, and what of it contradicts what a person has heard lately."""

from __future__ import annotations

import asyncio
from functools import cache
from typing import Any

import pytest

from agents.baseline.arm import Arm, Contact, contradictions
from agents.baseline.report import to_json, to_text
from agents.baseline.running import Both, run_both
from agents.baseline.uncoordinated import uncoordinated
from agents.errors import UserError
from agents.ranges import parse
from streams.policy import compile_policy
from tests.builders import DAY_MS, HOUR_MS, NOW, small_policy
from tests.models import weighted
from tests.recording import Recording
from tests.replays import mixed, residents, tell_day
from tests.stream import Deployment

DAYS = 6


@cache
def recording() -> Recording:
    """Return some days of people who buy and complete baskets."""
    deployment = Deployment(mixed())
    deployment.learn(weighted("lapse", ["recency_d", "baskets_28d"]))
    for day in range(DAYS):
        tell_day(deployment, [*residents(0, 6), *residents(1, 6)], day)
    return Recording(deployment)


def both(said: str = "all", **options: Any) -> Both:
    return asyncio.run(run_both(recording(), parse(said), options.get("candidate"), options.get("numbers")))


def test_alone_every_team_speaks_and_contradicts_the_others() -> None:
    found = both()
    one, other = found.coordinated, found.uncoordinated
    assert one.decisions == len(recording().decisions(0) + recording().decisions(1))
    assert one.contacts
    assert (one.conflicting, one.conflict_rate) == (0, 0.0)
    assert other.decisions > one.decisions
    assert other.contacts > one.contacts
    assert other.busiest_week > one.busiest_week
    assert other.conflicting
    assert {"another price", "the same again"} <= other.conflicts.keys()
    assert (one.failed, other.failed) == (0, 0)


def test_partitions_add_up() -> None:
    whole, left, right = both(), both(numbers=[0]), both(numbers=[1])
    left.add(right)
    left.seconds = whole.seconds
    assert left == whole


def test_a_window_counts_what_is_in_it_and_knows_what_was_before() -> None:
    parts = [both("..2017-07-16"), both("2017-07-16..")]
    assert sum(one.events for one in parts) == both().events
    assert all(one.uncoordinated.contacts > one.coordinated.contacts > 0 for one in parts)
    assert sum(one.coordinated.contacts for one in parts) == both().coordinated.contacts


def test_the_arms_bundle_is_a_policy_whose_teams_see_nobody_else() -> None:
    policy = compile_policy(uncoordinated(mixed()))
    assert all(len({one.intent for one in point.board.candidates}) == 1 for point in policy.points.values())
    assert policy.contact == ()
    coordinated = compile_policy(mixed())
    assert policy.holdout == coordinated.holdout
    assert {one.id for one in policy.actions} == {one.id for one in coordinated.actions}


def contact(action: str, at: int, name: str = "") -> Contact:
    policy = compile_policy(small_policy())
    return Contact(at, next(one for one in policy.actions if one.id == action), name)


@pytest.mark.parametrize(
    ("earlier", "redeemed", "found"),
    [
        ([], [], set()),
        ([contact("soup_off", NOW - HOUR_MS)], [], {"another price"}),
        ([contact("soup_more", NOW - HOUR_MS)], [], {"the same again"}),
        ([contact("soup_off", NOW - 71 * HOUR_MS), contact("soup_more", NOW)], [], {"another price", "the same again"}),
        ([contact("soup_off", NOW - 3 * DAY_MS)], [], set()),
        ([contact("soup_off", NOW - HOUR_MS, "a")], ["a"], set()),
        ([contact("recall", NOW - HOUR_MS)], [], set()),
    ],
)
def test_a_contact_is_held_against_what_is_on_the_table(
    earlier: list[Contact], redeemed: list[str], found: set[str]
) -> None:
    policy = compile_policy(small_policy(conflicts={"cool_off": "72h"}))
    assert contradictions(policy, contact("soup_more", NOW), earlier, redeemed) == found


def test_intents_that_exclude_each_other_contradict() -> None:
    policy = compile_policy(small_policy(conflicts={"intents": [["upsell", "retain"]]}))
    new, old = contact("soup_more", NOW), contact("bread_back", NOW - HOUR_MS)
    assert {new.action.intent, old.action.intent} == {"upsell", "retain"}
    assert contradictions(policy, new, [old], []) == {"intents"}


def test_it_is_told_side_by_side() -> None:
    found = both()
    text, told = to_text(found), to_json(found)
    assert text.startswith(f"{found.events:,} events of all under small")
    assert f"{found.uncoordinated.conflict_rate:.2%}" in text
    assert told["uncoordinated"]["conflicting"] == found.uncoordinated.conflicting
    nothing = Both("all", "EUR", "none")
    assert "–" in to_text(nothing)
    assert Arm().conflict_rate == 0


def test_where_nothing_was_published_a_policy_has_to_be_named() -> None:
    empty = Recording(Deployment(mixed()))
    empty.records["policies", 0].clear()
    with pytest.raises(UserError, match="name one with --policy"):
        asyncio.run(run_both(empty, parse("all"), None))
