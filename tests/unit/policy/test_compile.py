"""A bundle is refused with all its mistakes at once, each with its path; a right one is compiled whole."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from streams.policy import PolicyRefused, bundle_hash, compile_policy
from tests.builders import DAY_MS, compiled, small_policy

Path = tuple[str | int, ...]


def problems_of(bundle: Any) -> dict[Path, str]:
    """Return the problems of a bundle that has some."""
    with pytest.raises(PolicyRefused) as refused:
        compile_policy(bundle)
    found: dict[Path, str] = {}
    for problem in refused.value.problems:
        found[problem.path] = f"{found[problem.path]}; {problem.message}" if problem.path in found else problem.message
    return found


def broken(path: str, value: Any = None, *, remove: bool = False) -> dict[str, Any]:
    """Return the small policy with one value changed, given as section.key.0.key."""
    bundle: Any = small_policy()
    *parents, last = [int(key) if key.isdigit() else key for key in path.split("/")]
    node = bundle
    for key in parents:
        node = node[key]
    if remove:
        del node[last]
    else:
        node[last] = value
    assert isinstance(bundle, dict)
    return bundle


CASES: list[tuple[str, Any, str]] = [
    ("zone", "+02:00", "IANA time zone"),
    ("name", "", "some text"),
    ("contact/0/value", 5, "expected text"),
    ("zones", {}, "did you mean 'zone'"),
    ("events", [], "mapping from ids to event types"),
    ("events/Basket", {}, "lower-case letters"),
    ("events/activation_delivered", {}, "every policy has this event type"),
    ("events/basket_completed", 5, "expected a mapping"),
    ("events/basket_completed/properties/amount", "dollars", "unknown type 'dollars'"),
    ("events/basket_completed/optional", ["line"], "did you mean 'lines'"),
    ("events/basket_completed/optional", ["lines", "lines"], "stands here twice"),
    ("events/basket_completed/optional", "lines", "expected a list of property"),
    ("events/identity_linked/links", "profile", "unknown property"),
    ("events/basket_completed/links", "amount", "required property of type string"),
    ("features/baskets_28d/count", "basket_complete", "unknown event type"),
    ("delivery_channels/email/cost", "cheap", "expected an amount of money"),
    ("delivery_channels/email/cost", -1, "expected an amount of money"),
    ("delivery_channels/email/cost", float("nan"), "expected an amount of money"),
    ("delivery_channels/email/cost", 10**10, "expected an amount of money"),
    ("delivery_channels/email/weight", -0.1, "expected a number from 0"),
    ("delivery_channels/email/delay_s", 1.5, "expected a whole number"),
    ("delivery_channels/email/lease_s", 60, "would end before the delivery"),
    ("delivery_channels/email/consents", "x", "did you mean 'consent'"),
    ("delivery_channels/email/quiet_hours", "night", "expected a mapping (quiet hours)"),
    ("delivery_channels/email/quiet_hours", {"from": "21:00"}, "needs 'to'"),
    ("delivery_channels/email/quiet_hours", {"from": "21:10", "to": "08:00"}, "on a quarter of an hour"),
    ("delivery_channels/email/quiet_hours", {"from": "24:00", "to": "08:00"}, "expected a time of day"),
    ("delivery_channels/email/quiet_hours", {"from": True, "to": "08:00"}, "expected a time of day"),
    ("delivery_channels/email/quiet_hours", {"from": "08:00", "to": "08:00"}, "are none, or never end"),
    ("delivery_channels/email/quiet_hours", {"from": "08:00", "to": "07:00", "jitter": "2h"}, "expected less than"),
    ("delivery_channels/email/send_time", "basket", "unknown model with role: send_time 'basket'"),
    ("delivery_channels/e mail", {"cost": 0}, "expected an id"),
    ("categories/Soup-1", {}, "lower-case letters"),
    ("categories/soup/priority", 1001, "expected a whole number"),
    ("actions", [], "the catalogue is empty"),
    ("actions", {}, "expected a list of actions"),
    ("actions/0", 7, "expected a mapping"),
    ("actions/0/id", "bread_back", "another action is called 'bread_back'"),
    ("actions/0/id", 7, "expected an id"),
    ("actions/0/category", "soups", "did you mean 'soup'"),
    ("actions/0/intent", "sell", "unknown intent"),
    ("actions/0/class", "advert", "unknown class"),
    ("actions/0/tier", 0, "a commercial action is never tier 0"),
    ("actions/0/tier", 2, "whole number from 0 to 1"),
    ("actions/3/intent", "upsell", "a commercial action is never tier 0"),
    ("actions/0/price", "discount:0", "discount:<depth in bp"),
    ("actions/0/price", "discount:10001", "discount:<depth in bp"),
    ("actions/0/valid_from", "someday", "ISO 8601"),
    ("actions/0/valid_to", "2016-01-01", "an instant after valid_from"),
    ("actions/0/eligibility", "basket_28d >= 1", "did you mean 'baskets_28d'"),
    ("actions/0/eligibility", 1, "expected text"),
    ("actions/0/applicability", "last_product > 1", "expected int, got str"),
    ("actions/0/value", {}, "at least one outcome"),
    ("actions/0/value", 5, "expected a mapping"),
    ("actions/0/value/purchases", 1, "did you mean 'purchase'"),
    ("actions/0/value/purchase", "much", "expected an amount of money"),
    ("actions/0/offer_cost", -1, "expected an amount of money"),
    ("actions/0/redeemed_by", "redemption", "unknown outcome"),
    ("actions/2/offer_cost", 1, "say which outcome redeems the offer"),
    ("actions/0/lever", 2.5, "expected a number from 0.5 to 2"),
    ("actions/0/offer_days", 400, "expected a whole number"),
    ("actions/0/points", ["checkouts"], "did you mean 'checkout'"),
    ("actions/0/treatments", [], "nobody could get it"),
    ("actions/0/treatments/0/channel", "mail", "did you mean 'email'"),
    ("actions/0/treatments/0/id", "soup_off.app", "another treatment is called"),
    ("actions/0/treatments/0/content/subject", 5, "expected text"),
    ("contexts/0/when", "", "expected a condition"),
    ("contexts/0/when", "spend > 1", "unknown feature"),
    ("contexts/0/category", "tea", "unknown category"),
    ("contexts/0/percent", 500, "whole number from -100 to 100"),
    ("contact/0/id", "email-day", "another rule is called"),
    ("contact/0/scope", "person", "unknown scope"),
    ("contact/0/value", "all", "unknown global 'all'"),
    ("contact/1/value", "e-mail", "did you mean 'email'"),
    ("contact/2/value", "soup", "unknown action 'soup'"),
    ("contact/0/limit", -1, "whole number from 0 to 100"),
    ("contact/0/window", "rolling:1w", "expected rolling:<duration>"),
    ("contact/0/window", "rolling:0d", "expected rolling:<duration>"),
    ("contact/0/window", "year", "expected rolling:<duration>"),
    ("contact/0/class", "adverts", "unknown class"),
    ("contact/0/exempt", ["mandatory"], "unknown class"),
    ("conflicts/intents/0", ["retain"], "expected two intents"),
    ("conflicts/intents/0", ["retain", "buy"], "unknown intent"),
    ("conflicts/cool_off", "3", "expected a whole number and d"),
    ("models/lapse/inputs", [], "at least one input"),
    ("models/lapse/inputs/0", "recency", "did you mean 'recency_d'"),
    ("models/lapse/inputs/0", "last_product", "a model sees numbers only"),
    ("models/lapse/inputs/1", "recency_d", "stands here twice"),
    ("models/lapse/gives", "score", "unknown answer"),
    ("models/lapse/gives", "money", "that is no propensity"),
    ("models/lapse/outcome", "retained", "did you mean 'retain'"),
    ("models/lapse/prior", 2, "expected a probability from 0 to 1"),
    ("models/lapse/by", "category", "the outcome retain matches no category"),
    ("models/lapse/reference", 2, "only a meta-model"),
    ("models/lapse/deadline_ms", 0, "expected a whole number"),
    ("models/lapse/required", "yes", "expected true or false"),
    ("models/lapse/serves", "http", "unknown way to serve"),
    ("models/lapse/label", {"absent": "retain", "outcome": "retain"}, "exactly one of outcome, absent, next"),
    ("models/lapse/label/absent", "returned", "unknown outcome"),
    ("models/lapse/label/match", "category", "matches no category"),
    ("models/basket/label/next", "basket_completed.basket_id", "type money or int"),
    ("models/basket/label/next", "amount", "type money or int"),
    ("models/basket/label/match", "category", "basket_completed has no property category"),
    ("models/basket/gives", "propensity", "a meta-model gives money"),
    ("models/basket/outcome", "retain", "only a model whose propensity is part of the value has one"),
    ("models/basket/prior", 0.5, "only a model whose propensity"),
    ("outcomes/purchase/event", "purchased", "did you mean 'product_purchased'"),
    ("outcomes/purchase/match", "product", "unknown property to match"),
    ("outcomes/retain/match", "category", "no property category"),
    ("outcomes/purchase/value", "quantity", "expected a property of type money"),
    ("outcomes/purchase/window", "0d", "more than nothing"),
    ("outcomes/purchase/window", "500d", "at most 400d"),
    ("outcomes/purchase/beta", 1.5, "expected a number from 0 to 1"),
    ("outcomes/retain/loses_contact", True, "what the delivery channel says"),
    ("decision_points", {}, "decides nothing"),
    ("decision_points/checkout/trigger", "basket", "unknown event type"),
    ("decision_points/checkout/when", "bought_28d > 1", "write bought_28d.<category>"),
    ("decision_points/checkout/models", ["lapse", "basket"], "no model here gives 'purchase'"),
    ("decision_points/checkout/models", ["next_purchase", "lapse", "lapses"], "did you mean 'lapse'"),
    ("decision_points/exit", {"trigger": "basket_completed", "models": []}, "no model here gives"),
    ("exploration/epsilon", 1.5, "expected a number from 0 to 1"),
    ("exploration/salt", "", "some text"),
    ("holdout/share", 0.00001, "buckets"),
    ("holdout/seed", "", "some text"),
]


@pytest.mark.parametrize(("path", "value", "said"), CASES, ids=[f"{path}={value!r}"[:60] for path, value, _ in CASES])
def test_a_mistake_is_named_with_its_path(path: str, value: Any, said: str) -> None:
    found = problems_of(broken(path, value))
    where = tuple(int(key) if key.isdigit() else key for key in path.split("/"))
    assert any(said in message for at, message in found.items() if _is_near(at, where)), found


def _is_near(at: Path, where: Path) -> bool:
    """Tell whether a problem stands at a value, in it, around it, or in what only makes no sense together with it."""
    shared = min(len(at), len(where))
    return at[:shared] == where[:shared] or at[: len(where) - 1] == where[:-1] or at in ELSEWHERE


ELSEWHERE: set[Path] = {  # the second of two that are called the same, the user of what became useless
    ("actions", 2),
    ("actions", 0, "treatments", 1),
    ("contact", 1, "id"),
    ("actions", 0, "value", "retain"),
    ("decision_points", "exit", "models"),
}


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("currency", "needs 'currency'"),
        ("actions/0/treatments", "needs 'treatments'"),
        ("models/lapse/prior", "needs 'prior'"),
        ("models/lapse/inputs", "needs 'inputs'"),
        ("models/lapse/outcome", "needs 'outcome'"),
        ("exploration/delta", "needs 'delta'"),
        ("models/basket/reference", "needs 'reference'"),
        ("decision_points", "needs 'decision_points'"),
        ("actions/0/value", "needs 'value'"),
        ("actions/0/valid_to", "needs 'valid_to'"),
        ("contact/0/limit", "needs 'limit'"),
        ("actions", "needs 'actions'"),
        ("decision_points/checkout/models", "needs 'models'"),
    ],
)
def test_what_is_missing_is_named(path: str, said: str) -> None:
    assert any(said in message for message in problems_of(broken(path, remove=True)).values())


def test_all_problems_come_at_once() -> None:
    bundle = small_policy()
    bundle["zone"] = "Mars"
    bundle["actions"][0]["category"] = "soups"
    bundle["contact"][1]["value"] = "e-mail"
    bundle["features"]["recency_d"]["unit"] = "w"
    assert {("zone",), ("actions", 0, "category"), ("contact", 1, "value"), ("features", "recency_d", "unit")} <= set(
        problems_of(bundle)
    )


def test_the_error_says_all_of_it() -> None:
    with pytest.raises(PolicyRefused, match=r"contact\.1\.value: unknown channel 'e-mail': did you mean 'email'\?"):
        compile_policy(broken("contact/1/value", "e-mail"))


@pytest.mark.parametrize("bundle", [[], None, "policy", {}])
def test_what_is_no_bundle_is_refused(bundle: Any) -> None:
    assert problems_of(bundle)


def test_a_decision_point_that_would_count_twice_or_lose_contact_by_category_is_refused() -> None:
    bundle = small_policy()
    bundle["models"]["lapse_two"] = bundle["models"]["lapse"]
    bundle["models"]["basket_two"] = bundle["models"]["basket"]
    bundle["outcomes"]["purchase"]["loses_contact"] = True
    bundle["decision_points"]["checkout"]["models"] += ["lapse_two", "basket_two"]
    said = " ".join(problems_of(bundle).values())
    assert "two models give 'retain'" in said
    assert "at most one meta-model" in said
    assert "a contact is lost for all of them" in said


def test_a_decision_point_without_actions_is_refused() -> None:
    bundle = small_policy()
    for action in bundle["actions"]:
        action["points"] = ["checkout"]
    bundle["decision_points"]["exit"] = {"trigger": "basket_completed", "models": ["lapse"]}
    assert problems_of(bundle) == {("decision_points", "exit"): "no action is on offer at this decision point"}


def test_the_hash_names_the_bundle_whatever_the_order_of_its_keys() -> None:
    bundle = small_policy()
    turned = dict(reversed(bundle.items()))
    assert compile_policy(bundle).hash == compile_policy(turned).hash == bundle_hash(json.loads(json.dumps(bundle)))
    assert compile_policy(broken("holdout/share", 0.03)).hash != bundle_hash(bundle)


def test_dates_as_yaml_reads_them_are_dates() -> None:
    bundle = broken("actions/0/valid_from", date(2017, 1, 1))
    assert compile_policy(bundle).actions[0].valid_from == compiled().actions[0].valid_from
    assert compile_policy(bundle).hash == compiled().hash


def test_a_policy_has_what_the_stages_read() -> None:
    policy = compiled()
    assert policy.categories == ["bread", "soup"]
    assert [point.name for point in policy.points_by_trigger["basket_completed"]] == ["checkout"]
    assert [outcome.name for outcome in policy.outcomes_by_event["product_purchased"]] == ["purchase"]
    assert [name for name, _ in policy.labels_by_event["basket_completed"]] == ["lapse", "basket"]
    assert [policy.outputs_of(model) for model in policy.models.values()] == [2, 1, 1]
    assert policy.memory_ms == 32 * DAY_MS
    assert policy.attribution_ms == 16 * DAY_MS
    point = policy.points["checkout"]
    assert point.may_open([1, 0, 0, None, None, 0])
    assert not point.may_open([0, 0, 0, None, None, 0])
    assert not point.may_open([None, 0, 0, None, None, 0])


def test_what_a_bundle_may_leave_out_has_quiet_defaults() -> None:
    bundle = small_policy()
    for section in ("contexts", "contact", "conflicts", "exploration", "holdout"):
        del bundle[section]
    del bundle["decision_points"]["checkout"]["when"]
    policy = compile_policy(bundle)
    assert policy.exploration.epsilon_ppm == policy.holdout.buckets == policy.memory_ms == 0
    assert policy.conflicts.cool_off_ms == 72 * 3_600_000
    assert policy.points["checkout"].may_open([None] * 6)


def test_an_action_without_a_group_is_its_own() -> None:
    assert compiled().actions[1].group == "soup_more"


def test_a_model_by_category_whose_outcome_is_none_is_told_of_and_does_not_end_the_compiler() -> None:
    bundle = broken("models/next_purchase/outcome", remove=True)
    assert any(path[:2] == ("models", "next_purchase") for path in problems_of(bundle))
