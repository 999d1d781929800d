"""One decision, rule by rule, on a policy small enough to reckon by hand."""

from __future__ import annotations

from typing import Any

import pytest

from streams.decision import Occasion, Verdict, decide
from streams.decision.expand import expand
from streams.policy import Policy
from streams.records import Calibrator, Feature
from streams.rows import Answer, Contacts, Profile
from tests.builders import DAY_MS, HOUR_MS, NOW, compiled, make_contacts, make_offer, make_profile, small_policy

POLICY = compiled()
FEATURES: list[Feature] = [
    1,
    1,
    1,
    "plain",
    8,
    5_000_000,
]  # baskets, bought bread, bought soup, product, recency, spend
ANSWERS = {
    "next_purchase": Answer("v1", "ok", [1, 1]),
    "lapse": Answer("v1", "ok", [1]),
    "basket": Answer("v1", "ok", [40_000_000]),
}
CALIBRATOR = Calibrator("c1", [], [500_000_000])
ALL = ("soup_off.email", "soup_off.app", "soup_more.app", "bread_back.email", "bread_back.app")


def decided(
    policy: Policy = POLICY,
    *,
    profile: Profile | None = None,
    contacts: Contacts | None = None,
    features: list[Feature] = FEATURES,
    answers: dict[str, Answer] = ANSWERS,
    decision_id: str = "d1",
    profile_id: str = "p1",
    now: int = NOW,
) -> Verdict:
    """Decide about a person who is free for anything, but for what is given."""
    calibrators: dict[str, Calibrator | None] = dict.fromkeys(policy.models, CALIBRATOR)
    return decide(
        policy,
        policy.points["checkout"],
        profile or make_profile(),
        contacts or Contacts(),
        features,
        answers,
        calibrators,
        Occasion(decision_id, profile_id, now),
    )


def refused(verdict: Verdict, policy: Policy = POLICY) -> dict[str, set[str]]:
    """Return the filters that refuse something, with what they refuse (the recall is never eligible here)."""
    found: dict[str, set[str]] = {}
    for standing in expand(policy.points["checkout"], verdict):
        for failure in standing.failures:
            if standing.candidate.action_id != "recall":
                found.setdefault(failure.filter, set()).add(standing.candidate.treatment_id)
    return found


def test_a_person_who_is_free_for_anything_gets_the_best() -> None:
    verdict = decided()
    assert refused(verdict) == {}
    # soup_more: 0.5 · 1.00 = 0.50; soup_off by app: 0.5 · 0.60 + 0.5 · 0.025 − 0.5 · 0.40; bread_back: 0.5 · 0.20 · 1.2
    assert verdict.scores_micro == [111_500, 112_500, 500_000, 116_400, 120_000]
    assert (verdict.source, verdict.chosen, verdict.ghost, verdict.reason) == ("best", 2, -1, None)
    assert (verdict.score_micro, verdict.selection_q) == (500_000, verdict.q[verdict.explored.index(2)])


def test_no_word_is_no_consent() -> None:
    emails = {"soup_off.email", "bread_back.email"}
    assert refused(decided(profile=make_profile(consents={}))) == {"consent": emails}
    assert refused(decided(profile=make_profile(consents={"email": [0, 5]}))) == {"consent": emails}


@pytest.mark.parametrize(
    ("scope", "what"),
    [
        ("global", set(ALL)),
        ("channel:email", {"soup_off.email", "bread_back.email"}),
        ("category:bread", {"bread_back.email", "bread_back.app"}),
        ("action:soup_more", {"soup_more.app"}),
        ("category:gone", set()),
    ],
)
def test_a_suppressed_scope_refuses_what_is_in_it(scope: str, what: set[str]) -> None:
    found = refused(decided(profile=make_profile(suppressed=[scope])))
    assert found == ({"suppression": what} if what else {})


@pytest.mark.parametrize(
    ("column", "value", "filter_", "what"),
    [
        (0, 0, "eligibility", {"soup_off.email", "soup_off.app"}),
        (0, None, "eligibility", {"soup_off.email", "soup_off.app"}),
        (2, 0, "applicability", {"soup_off.email", "soup_off.app"}),
        (4, 61, "suitability", {"soup_off.email", "soup_off.app"}),
    ],
)
def test_engagement_conditions_refuse(column: int, value: Feature, filter_: str, what: set[str]) -> None:
    features = list(FEATURES)
    features[column] = value
    assert refused(decided(features=features)) == {filter_: what}


def test_validity_is_half_open() -> None:
    begins, ends = POLICY.actions[0].valid_from, POLICY.actions[0].valid_to
    assert refused(decided(now=begins)) == refused(decided(now=ends - 1)) == {}
    assert refused(decided(now=begins - 1)) == refused(decided(now=ends)) == {"validity": set(ALL)}


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"group": "soup_price", "line": "x"}, {"soup_off.email", "soup_off.app"}),
        ({"group": "x", "line": "soup", "price": "list"}, {"soup_off.email", "soup_off.app"}),
        ({"group": "x", "line": "soup", "price": "discount:1000"}, {"soup_more.app"}),
        ({"group": "x", "line": "", "intent": "retain"}, {"soup_more.app"}),
        ({"group": "x", "line": "x", "intent": "upsell"}, {"bread_back.email", "bread_back.app"}),
        ({"state": "reserved", "group": "soup_more", "line": "x"}, {"soup_more.app"}),
        ({"until": NOW - 72 * HOUR_MS + 1, "line": "x"}, {"soup_off.email", "soup_off.app"}),
        ({"until": NOW - 72 * HOUR_MS}, set()),
        ({"state": "redeemed"}, set()),
        ({"state": "retracted"}, set()),
        ({"ghost": 1}, set()),
    ],
)
def test_what_is_on_offer_refuses_what_contradicts_it(fields: dict[str, Any], what: set[str]) -> None:
    found = refused(decided(contacts=Contacts(offers=[make_offer(**fields)])))
    assert found == ({"conflict": what} if what else {})


def test_intents_may_conflict_on_one_line_only() -> None:
    policy = compiled(conflicts={"intents_on_one_line": [["retain", "cross_sell"]]})
    on_bread = make_offer(group="x", line="bread", price="discount:2000")
    on_tea = make_offer(group="x", line="tea")
    assert refused(decided(policy, contacts=Contacts(offers=[on_bread])), policy) == {
        "conflict": {"bread_back.email", "bread_back.app"}
    }
    assert refused(decided(policy, contacts=Contacts(offers=[on_tea])), policy) == {}


def contacts_at(*instants: int, **fields: Any) -> Contacts:
    """Return contacts about tea, which no action is about, at these instants."""
    return make_contacts(
        *[{"at": at, "action": "tea", "category": "tea", "channel": "app"} | fields for at in instants]
    )


@pytest.mark.parametrize(
    ("oldest", "is_refused"),
    [(NOW - 7 * DAY_MS, False), (NOW - 7 * DAY_MS + 1, True), (NOW, True), (NOW + 60_000, True)],
)
def test_a_rolling_window_is_half_open_and_knows_no_future(oldest: int, is_refused: bool) -> None:
    at = sorted([oldest, NOW - 1, NOW - 1])
    assert ("contact:all-7d" in refused(decided(contacts=contacts_at(*at)))) is is_refused


MIDNIGHT = 1_499_918_400_000  # 2017-07-13 00:00 in New York


@pytest.mark.parametrize(
    ("at", "zone", "is_refused"),
    [
        (MIDNIGHT, "America/New_York", True),
        (MIDNIGHT - 1, "America/New_York", False),
        (MIDNIGHT, "Europe/Paris", False),
        (MIDNIGHT, "", True),
    ],
)
def test_a_calendar_window_begins_at_local_midnight(at: int, zone: str, is_refused: bool) -> None:
    contacts = contacts_at(at, channel="email")
    found = refused(decided(contacts=contacts, profile=make_profile(zone=zone)))
    assert ("contact:email-day" in found) is is_refused


def test_a_lease_counts_in_every_window_until_it_ends() -> None:
    old = NOW - 3 * DAY_MS
    for until, is_refused in ((NOW + 1, True), (NOW, False)):
        contacts = contacts_at(old, channel="email", lease_until=until)
        assert ("contact:email-day" in refused(decided(contacts=contacts))) is is_refused


def test_leases_stay_last_even_after_a_contact_ahead_of_the_clock() -> None:
    contacts = make_contacts(
        {"at": NOW - DAY_MS, "channel": "email", "lease_until": NOW + 1}, {"at": NOW + 5, "channel": "app"}
    )
    assert "contact:email-day" in refused(decided(contacts=contacts))


def test_a_rule_for_each_of_a_scope_counts_each_by_itself() -> None:
    contacts = make_contacts(*[{"at": MIDNIGHT, "action": "soup_more", "channel": "app"}] * 2)
    assert refused(decided(contacts=contacts)) == {"contact:action-month": {"soup_more.app"}}
    transactional = make_contacts(
        *[{"at": MIDNIGHT, "action": "soup_more", "channel": "app", "klass": "transactional"}] * 2
    )
    assert refused(decided(contacts=transactional)) == {}


def test_a_cool_down_refuses_promotions_until_it_ends() -> None:
    for until, what in ((NOW + 1, {"bread_back.email", "bread_back.app"}), (NOW, None)):
        found = refused(decided(contacts=Contacts(cooldowns=[["category:bread", until]])))
        assert found.get("cooldown") == what
    verdict = decided(contacts=Contacts(cooldowns=[["global", NOW + 1]]), features=[1, 1, 1, "recalled", 8, 5])
    assert (verdict.source, verdict.chosen) == ("best", 5)


def test_a_required_model_that_is_missing_refuses() -> None:
    models = small_policy()["models"]
    models["lapse"]["required"] = True
    policy = compiled(models=models)
    answers = {**ANSWERS, "lapse": Answer("", "missing", [])}
    verdict = decided(policy, answers=answers)
    assert refused(verdict, policy) == {"model_missing": set(ALL) - {"soup_more.app"}}
    assert verdict.flags == ["degraded:lapse"]


def test_a_score_on_the_threshold_is_not_above_it() -> None:
    channels = small_policy()["delivery_channels"]
    for threshold, source in ((0.5, "none"), (0.499999, "best")):
        channels["app"]["threshold"] = threshold
        channels["email"]["threshold"] = 9
        verdict = decided(compiled(delivery_channels=channels))
        assert verdict.source == source
    channels["app"]["threshold"] = 0.5
    policy = compiled(delivery_channels=channels)
    assert decided(policy).reason == "threshold"
    assert refused(decided(policy), policy) == {"threshold": set(ALL)}


def test_contexts_and_levers_scale_and_fatigue_and_losses_cost() -> None:
    features = list(FEATURES)
    features[4] = 2
    assert decided(features=features).scores_micro[2] == 600_000
    pressed = Contacts(pressure={"app": [2_000_000, NOW]})
    assert decided(contacts=pressed).fatigue_micro == [2_000, 2_000, 0]
    bundle = small_policy()
    bundle["outcomes"]["leave"] = {"event": "unsubscribed", "window": "7d", "beta": 1, "loses_contact": True}
    bundle["models"]["leaver"] = {"inputs": ["recency_d"], "gives": "propensity", "outcome": "leave", "prior": 0.01}
    bundle["decision_points"]["checkout"]["models"].append("leaver")
    policy = compiled(outcomes=bundle["outcomes"], models=bundle["models"], decision_points=bundle["decision_points"])
    assert decided(policy).fatigue_micro == [10_000, 10_000, 30_000]  # 1 % of what the contact is worth


def test_a_negative_net_is_divided_by_the_factor() -> None:
    actions = small_policy()["actions"]
    actions[1]["value"]["retain"] = -200.0
    actions[1]["lever"] = 2
    verdict = decided(compiled(actions=actions))
    assert verdict.scores_micro[2] == (500_000 - 5_000_000) // 2


def test_a_held_out_person_gets_a_ghost() -> None:
    verdict = decided(compiled(holdout={"share": 1, "seed": "2017"}))
    assert (verdict.source, verdict.chosen, verdict.ghost, verdict.reason) == ("holdout", -1, 2, "holdout")
    assert verdict.score_micro == 500_000


def test_a_transactional_message_is_never_held_out() -> None:
    verdict = decided(compiled(holdout={"share": 1, "seed": "2017"}), features=[1, 1, 1, "recalled", 8, 5])
    assert (verdict.source, verdict.chosen) == ("best", 5)


def test_shadows_bind_ghosts_only() -> None:
    bundle = small_policy()
    bundle["contact"][0]["exempt"] = []
    shadows = contacts_at(NOW - 3, NOW - 2, NOW - 1, ghost=1)
    shadows.offers = [make_offer(ghost=1, group="recall", line="bread")]
    shadows.pressure = {"ghost:app": [2_000_000, NOW]}
    recalled: list[Feature] = [1, 1, 1, "recalled", 8, 5]
    held = compiled(holdout={"share": 1, "seed": "2017"}, contact=bundle["contact"])
    verdict = decided(held, contacts=shadows, features=recalled)
    assert refused(verdict, held)["contact:all-7d"] == set(ALL)
    assert refused(verdict, held)["conflict"] == {"bread_back.email", "bread_back.app"}
    assert (verdict.source, verdict.chosen) == ("best", 5)
    assert verdict.fatigue_micro == [0, 2_000, 0]
    free = compiled(holdout={"share": 0, "seed": "2017"}, contact=bundle["contact"])
    verdict = decided(free, contacts=shadows, features=recalled)
    assert refused(verdict, free) == {}
    assert verdict.fatigue_micro == [0, 0, 0]


def test_real_contacts_count_for_ghosts_too() -> None:
    held = compiled(holdout={"share": 1, "seed": "2017"})
    assert refused(decided(held, contacts=contacts_at(NOW - 3, NOW - 2, NOW - 1)), held) == {"contact:all-7d": set(ALL)}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"profile": make_profile(suppressed=["global"])}, "suppression"),
        ({"contacts": contacts_at(NOW - 3, NOW - 2, NOW - 1)}, "contact:all-7d"),
        ({"contacts": Contacts(cooldowns=[["global", NOW + 1]])}, "cooldown"),
        ({"now": POLICY.actions[0].valid_to}, "validity"),
    ],
)
def test_the_reason_is_the_first_filter_that_leaves_nothing(changes: dict[str, Any], reason: str) -> None:
    verdict = decided(**changes)
    assert (verdict.source, verdict.reason, verdict.score_micro, verdict.selection_q) == ("none", reason, 0, 2**32)


def test_what_is_drawn_to_explore_says_so() -> None:
    sources = {decided(decision_id=f"d{n}").source for n in range(200)}
    assert sources == {"best", "explore"}


def test_an_assumed_increment_is_flagged() -> None:
    outcomes = small_policy()["outcomes"]
    del outcomes["purchase"]["beta"]
    assert decided(compiled(outcomes=outcomes)).flags == ["assumed_increment:purchase"]
