"""Stage 7: what we learned goes back to the models, with what was known when they answered."""

from __future__ import annotations

from typing import Any

from streams import retrain
from streams.ids import derive
from streams.policy import Label
from streams.records import TrainingExample
from tests.builders import DAY_MS, NOW, make_open_decision
from tests.shard import Shard, compiled, plain_policy, raw, version


def examples(shard: Shard) -> dict[str, TrainingExample]:
    return {example.model: example for example in shard.said["retraining"]}


def answered(**sections: Any) -> Shard:
    """Return a shard where a basket was decided about with the answers of all three models."""
    shard = Shard(plain_policy(**sections))
    shard.learn(version("next_purchase", "np-1"), version("lapse", "la-1"), version("basket", "ba-1"))
    shard.beat("next_purchase")
    shard.tell(raw("product_purchased", NOW - DAY_MS), raw(at=NOW))
    shard.answer(shard.said["requests"][0], 0.25, 0.75)
    return shard


def test_each_model_gets_an_example_with_its_own_features_and_answer() -> None:
    shard = answered()
    shard.tell(raw("product_purchased", NOW + 5), raw(at=NOW + 6, properties={"basket_id": "b", "amount": 33.0}))
    decision = shard.said["decisions"][0]
    shard.answer(shard.said["requests"][1], 0.5, 0.5)
    shard.tick(NOW + 16 * DAY_MS)
    found = examples(shard)
    assert found["next_purchase"] == TrainingExample(
        derive("example", decision.decision_id, "next_purchase"), "next_purchase", "np-1", decision.decision_id, "p",
        "soup", "soup_off", False, decision.q, [0, 1, 1], 0.75, 1.0, NOW, NOW + 16 * DAY_MS, decision.policy_hash,
    )  # fmt: skip
    assert (found["lapse"].key, found["lapse"].version, found["lapse"].features) == (None, "la-1", [0, 1])
    assert (found["lapse"].output, found["lapse"].label) == (0.2, 0.0)
    assert (found["basket"].output, found["basket"].label) == (20.0, 33.0)
    assert shard.counted("examples") == {("next_purchase",): 1, ("lapse",): 1, ("basket",): 1}


def test_what_did_not_happen_is_a_label_too_except_where_there_is_nothing_to_learn() -> None:
    shard = answered()
    shard.tick(NOW + 16 * DAY_MS)
    found = examples(shard)
    assert {name: one.label for name, one in found.items()} == {"next_purchase": 0.0, "lapse": 1.0}


def test_a_model_that_did_not_answer_learns_all_the_same() -> None:
    shard = Shard(plain_policy())
    shard.tell(raw())
    shard.tick(NOW + 16 * DAY_MS)
    assert [(one.version, one.output) for one in shard.said["retraining"]] == [("", None), ("", None)]


def test_a_ghosts_example_says_so() -> None:
    shard = answered(holdout={"share": 1, "seed": "s"})
    shard.tick(NOW + 16 * DAY_MS)
    assert [(one.ghost, one.action) for one in shard.said["retraining"]] == [(True, "soup_off")] * 2


def test_without_an_action_the_example_is_about_a_drawn_category() -> None:
    policy = plain_policy()
    policy["actions"][0]["eligibility"] = "baskets_28d >= 99"
    shard = Shard(policy)
    shard.tell(*(raw(at=NOW + number, event_id=str(number)) for number in range(40)))
    shard.tick(NOW + 17 * DAY_MS)
    keys = [one.key for one in shard.said["retraining"] if one.model == "next_purchase"]
    assert len(keys) == 40
    assert set(keys) == {"bread", "soup"}


def test_a_model_without_a_label_learns_nothing() -> None:
    policy = plain_policy()
    del policy["models"]["basket"]["label"]
    made = compiled(policy)
    opened = make_open_decision(policy_hash=made.hash, features=[0] * len(made.features.names))
    assert [one.model for one in retrain.examples(opened, "p", made)] == ["next_purchase", "lapse"]


def test_a_label_of_whole_numbers_is_no_money() -> None:
    label = Label("next", "basket_completed", "lines", match_category=False, window_ms=1, is_money=False)
    assert label.final(7) == 7.0
