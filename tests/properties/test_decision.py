"""What holds of every decision, whatever the policy and the person."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.decision import Occasion, Verdict, decide, effects
from streams.decision.calendar import starts
from streams.decision.expand import expand
from streams.decision.exploration import quantise
from streams.decision.verdict import WHOLE
from streams.policy import Policy, compile_policy
from streams.policy.board import AFTER_CONTACT, BEFORE_CONTACT
from streams.policy.quantities import PPM
from streams.records import Calibrator
from streams.rows import Answer, Contacts
from tests.builders import DAY_MS, HOUR_MS, NOW, compiled, make_contacts, make_profile, small_policy
from tests.crowd import crowd, crowd_policy

CERTAIN = Calibrator("c", [], [900_000_000])
ANSWERS = {
    "next_purchase": Answer("v", "ok", [1, 1]),
    "lapse": Answer("v", "ok", [1]),
    "basket": Answer("v", "ok", [40_000_000]),
}


@given(st.integers(0, 1_000_000), st.integers(1, 200), st.data())
def test_selection_probabilities_sum_to_one(epsilon_ppm: int, arms: int, data: st.DataObject) -> None:
    best = data.draw(st.integers(0, arms - 1))
    q = quantise(epsilon_ppm, arms, best)
    assert sum(q) == WHOLE
    assert min(q) >= 0
    assert q[best] == max(q) or epsilon_ppm == PPM  # all alike: then the best may be the one that is rounded down
    others = [share for arm, share in enumerate(q) if arm != best]
    assert not others or max(others) - min(others) <= 1


def small(policy: Policy, contacts: Contacts, decision_id: str, now: int) -> Verdict:
    """Decide about a person with one certain desire for everything."""
    calibrators: dict[str, Calibrator | None] = dict.fromkeys(policy.models, CERTAIN)
    return decide(
        policy,
        policy.points["checkout"],
        make_profile(),
        contacts,
        [3, 3, 3, "plain", 8, 5],
        ANSWERS,
        calibrators,
        Occasion(decision_id, "p1", now),
    )


STEPS = st.lists(
    st.tuples(
        st.integers(0, 3 * DAY_MS),
        st.sampled_from(["delivered", "rejected", "unheard", "late"]),
        st.integers(0, 5 * HOUR_MS),
    ),
    min_size=5,
    max_size=40,
)


@pytest.mark.parametrize("is_held", [False, True])
@settings(max_examples=60, deadline=None)
@given(steps=STEPS)
def test_caps_hold_for_any_history(is_held: bool, steps: list[tuple[int, str, int]]) -> None:
    """No seven days have more than three contacts, no local day two emails, whatever became of what was sent."""
    anything = {"epsilon": 1, "delta": 9}
    bundle = small_policy(holdout={"share": int(is_held), "seed": "2017"}, conflicts={}, exploration=anything)
    for action in bundle["actions"]:
        action["offer_days"] = 0
    policy = compile_policy(bundle)
    contacts, now = Contacts(), NOW
    made: dict[str, tuple[int, str]] = {}  # by activation: when it counts from, and its delivery channel
    waiting: list[tuple[int, str, str]] = []
    for number, (pause, fate, wanted) in enumerate(steps):
        now += pause
        for at, activation_id, state in [entry for entry in waiting if entry[0] <= now]:
            effects.settle(contacts, activation_id, state, at)
            waiting.remove((at, activation_id, state))
        verdict = small(policy, contacts, f"d{number}", now)
        if verdict.winner < 0:
            continue
        candidate = policy.points["checkout"].board.candidates[verdict.winner]
        activation_id = f"a{number}"
        effects.reserve(contacts, policy, candidate, activation_id, now, is_held)
        delay = min(wanted, policy.channels[candidate.channel_id].lease_ms - 1)
        if is_held:
            made[activation_id] = (now + policy.channels[candidate.channel_id].delay_ms, candidate.channel_id)
        elif fate in ("delivered", "late"):
            made[activation_id] = (now + delay, candidate.channel_id)
            waiting.append((now + delay, activation_id, "delivered"))
        elif fate == "rejected":
            waiting.append((now + delay, activation_id, "rejected"))
    instants = sorted(at for at, _ in made.values())
    assert all(later - earlier >= 7 * DAY_MS for earlier, later in zip(instants, instants[3:], strict=False))
    days = [starts("America/New_York", at)[0] for at, channel_id in made.values() if channel_id == "email"]
    assert len(days) == len(set(days))


@pytest.mark.parametrize("seed", [1, 2])
def test_an_inadmissible_candidate_changes_nothing(seed: int) -> None:
    bundle = crowd_policy(seed, 30, loose=True)
    more = crowd_policy(seed, 30, loose=True)
    more["actions"].append(
        bundle["actions"][0]
        | {
            "id": "zz",
            "eligibility": "False",
            "treatments": [{"id": "zz.app", "channel": "app"}],
        }
    )
    policy, other = compile_policy(bundle), compile_policy(more)
    for case in crowd(policy, policy.points["till"], seed, 100):
        one, two = case.decide(policy, policy.points["till"]), case.decide(other, other.points["till"])
        assert (one.scored, one.scores_micro, one.explored, one.q, one.u) == (
            two.scored,
            two.scores_micro,
            two.explored,
            two.q,
            two.u,
        )
        assert (one.source, one.chosen, one.ghost) == (two.source, two.chosen, two.ghost)


@given(
    st.integers(500_000, 2_000_000),
    st.integers(500_000, 2_000_000),
    st.integers(-5_000_000, 5_000_000),
    st.integers(1, 90_000_000),
)
@settings(max_examples=100, deadline=None)
def test_a_higher_lever_never_lowers_a_score(one: int, other: int, value: int, basket: int) -> None:
    scores: list[int] = []
    for lever in sorted((one, other)):
        actions: list[dict[str, Any]] = small_policy()["actions"]
        actions[1] |= {"lever": lever / 1_000_000, "value": {"purchase": value / 1_000_000}}
        policy = compiled(actions=actions)
        answers = ANSWERS | {"basket": Answer("v", "ok", [basket])}
        verdict = decide(
            policy,
            policy.points["checkout"],
            make_profile(),
            Contacts(),
            [3, 3, 3, "plain", 8, 5],
            answers,
            {},
            Occasion("d", "p1", NOW),
        )
        scores.append(verdict.scores_micro[verdict.scored.index(2)])
    assert scores == sorted(scores)


FILTERS = {
    *BEFORE_CONTACT,
    *AFTER_CONTACT,
    "contact:all-7d",
    "contact:all-day",
    "contact:email-7d",
    "contact:sms-month",
    "contact:category-14d",
    "contact:action-30d",
    "contact:upsell-week",
}


def test_every_mechanism_occurs_in_the_crowd() -> None:
    """The tests that compare whole decisions say nothing about a rule that never refuses."""
    filters: set[str] = set()
    sources: set[str] = set()
    flags: set[str] = set()
    for seed in range(1, 7):
        policy = compile_policy(crowd_policy(seed, 40))
        point = policy.points["till"]
        for case in crowd(policy, point, seed, 200):
            verdict = case.decide(policy, point)
            sources.add(verdict.source)
            flags |= {flag.partition(":")[0] for flag in verdict.flags}
            filters |= {failure.filter for standing in expand(point, verdict) for failure in standing.failures}
    assert sources == {"best", "explore", "holdout", "deferred", "none"}
    assert flags == {"prior", "degraded", "assumed_increment"}
    assert filters == {*FILTERS, "threshold"}


def test_the_order_of_contacts_given_at_one_instant_means_nothing() -> None:
    chance = random.Random(7)
    policy = compiled()
    rows = [
        {"at": NOW - 5, "channel": channel, "activation_id": channel} for channel in ("app", "email", "app", "email")
    ]
    for _ in range(10):
        chance.shuffle(rows)
        assert (
            small(policy, make_contacts(*rows), "d", NOW).failed
            == small(policy, make_contacts(*rows[::-1]), "d", NOW).failed
        )
