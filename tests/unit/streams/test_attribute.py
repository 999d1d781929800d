"""Stage 6: the credit to the decision that earned it, once, and final only when its time has come."""

from __future__ import annotations

from typing import Any

from streams import attribute
from streams.ids import derive
from streams.records import Event, Outcome, RawEvent, Reward
from streams.rows import OpenDecisions
from tests.builders import DAY_MS, HOUR_MS, NOW, make_open_decision
from tests.shard import Shard, plain_policy, raw, version

BREAD = {"category": "bread", "product_id": "loaf", "quantity": 1, "amount": 2.0}
HELD_OUT = {"share": 1, "seed": "s"}


def delivered(activation: Any, at: int, kind: str = "delivered", **fields: Any) -> RawEvent:
    """Return the report of a delivery channel."""
    said = {
        "activation_id": activation.activation_id, "decision_id": activation.decision_id, "delivery_channel": "app",
    }  # fmt: skip
    given = {"properties": said, "event_id": f"{kind}-{activation.activation_id}-{at}", "source": "channel:app"}
    return raw(f"activation_{kind}", at, **given | fields)


def bought(at: int, **fields: Any) -> RawEvent:
    return raw("product_purchased", at, **{"event_id": f"bought-{at}"} | fields)


def offered(*hours: int, **sections: Any) -> tuple[Shard, list[Any]]:
    """Return a shard where soup was offered at these hours, and the activations."""
    policy = plain_policy(**sections)
    policy["actions"][0]["offer_days"] = 0  # what is on offer stands in the way of the next offer
    shard = Shard(policy)
    shard.tell(*(raw(at=NOW + hour * HOUR_MS, event_id=f"basket-{hour}") for hour in hours))
    return shard, shard.said["activations"]


def credited(shard: Shard) -> list[str | None]:
    """Return to which decision each purchase was credited when it came."""
    return [outcome.decision_id for outcome in shard.said["outcomes"] if outcome.type == "purchase"]


def final(shard: Shard, outcome: str = "purchase") -> dict[str, Reward]:
    return {one.decision_id: one for one in shard.said["rewards"] if (one.status, one.outcome) == ("final", outcome)}


def test_an_outcome_is_credited_to_the_decision_whose_touch_was_delivered_before_it() -> None:
    shard, (activation,) = offered(0)
    shard.tell(delivered(activation, NOW + HOUR_MS), bought(NOW + 2 * HOUR_MS, profile_id="p"))
    (outcome,) = shard.said["outcomes"]
    event_id = f"bought-{NOW + 2 * HOUR_MS}"
    assert outcome == Outcome(
        derive("outcome", "purchase", "till", event_id), "p", "purchase", NOW + 2 * HOUR_MS, event_id,
        activation.decision_id, activation.activation_id, "soup", 3_250_000,
    )  # fmt: skip
    (reward,) = shard.said["rewards"]
    assert reward == Reward(
        derive("reward", activation.decision_id, "purchase", "1"), activation.decision_id, "p", "purchase", 1,
        "pending", "soup_off", False, shard.said["decisions"][0].q, 1, 3_250_000, NOW, NOW + 2 * HOUR_MS,
    )  # fmt: skip


def test_without_a_touch_an_outcome_is_organic() -> None:
    shard, _ = offered(0)
    shard.tell(bought(NOW + HOUR_MS))
    assert credited(shard) == [None]
    assert shard.said["rewards"] == []


def test_what_happens_with_the_decision_or_before_it_is_none_of_its_outcomes() -> None:
    shard, (activation,) = offered(0)
    shard.tell(delivered(activation, NOW - HOUR_MS), bought(NOW), bought(NOW - 1))
    assert shard.said["outcomes"] == []


def test_a_purchase_of_something_else_is_no_outcome_of_an_action_on_soup() -> None:
    shard, (activation,) = offered(0)
    shard.tell(delivered(activation, NOW + 1), bought(NOW + 2, properties=BREAD))
    assert credited(shard) == []


def test_an_outcome_counts_to_the_last_instant_of_its_window() -> None:
    shard, (activation,) = offered(0)
    shard.tell(delivered(activation, NOW + 1))
    shard.tick(NOW + 9 * DAY_MS)
    shard.tell(bought(NOW + 14 * DAY_MS), bought(NOW + 14 * DAY_MS + 1))
    assert credited(shard) == [activation.decision_id]


def test_the_last_touch_takes_the_credit_and_what_was_delivered_later_takes_none() -> None:
    shard, (first, second, third) = offered(0, 1, 2)
    shard.tell(delivered(second, NOW + 10 * HOUR_MS), delivered(first, NOW + 11 * HOUR_MS))
    shard.tell(bought(NOW + 12 * HOUR_MS), delivered(third, NOW + 13 * HOUR_MS))
    assert credited(shard) == [first.decision_id]
    shard.tick(NOW + 20 * DAY_MS)
    assert {key: one.outcomes for key, one in final(shard).items()} == {
        first.decision_id: 1, second.decision_id: 0, third.decision_id: 0,
    }  # fmt: skip


def test_of_two_delivered_at_one_instant_the_larger_id_takes_the_credit() -> None:
    shard, activations = offered(0, 1)
    shard.tell(*(delivered(one, NOW + 3 * HOUR_MS) for one in activations), bought(NOW + 4 * HOUR_MS))
    assert credited(shard) == [max(one.decision_id for one in activations)]


def test_a_report_that_comes_after_the_outcome_still_decides_who_earned_it() -> None:
    shard, (first, second) = offered(0, 1)
    shard.tell(delivered(first, NOW + 2 * HOUR_MS), bought(NOW + 4 * HOUR_MS), delivered(second, NOW + 3 * HOUR_MS))
    assert credited(shard) == [first.decision_id]
    shard.tick(NOW + 20 * DAY_MS)
    assert {key: one.outcomes for key, one in final(shard).items()} == {first.decision_id: 0, second.decision_id: 1}


def test_a_rewards_versions_never_say_two_things() -> None:
    shard, (first, second) = offered(0, 1)
    shard.tell(delivered(first, NOW + 2 * HOUR_MS), bought(NOW + 4 * HOUR_MS), delivered(second, NOW + 3 * HOUR_MS))
    shard.tell(bought(NOW + 2 * HOUR_MS + 1))
    shard.tick(NOW + 20 * DAY_MS)
    told = [(one.version, one.status, one.outcomes) for one in shard.said["rewards"] if one.outcome == "purchase"]
    assert told == [(1, "pending", 1), (2, "pending", 1), (3, "final", 1), (1, "final", 1)]
    ids = [one.reward_id for one in shard.said["rewards"]]
    assert len(set(ids)) == len(ids)


def test_only_the_first_report_of_a_delivery_counts() -> None:
    shard, (activation,) = offered(0)
    reports = [delivered(activation, NOW + hours * HOUR_MS) for hours in (1, 3)]
    shard.tell(reports[0], bought(NOW + 2 * HOUR_MS), reports[1])
    row = shard.driver.state.open_decisions.get("p")
    assert row is not None
    assert row.decisions[0].delivered_at == NOW + HOUR_MS


def test_a_rejected_activation_earns_nothing_and_frees_its_contact() -> None:
    shard, (activation,) = offered(0)
    shard.tell(delivered(activation, NOW + 1, "rejected"), bought(NOW + 2))
    assert credited(shard) == [None]
    contacts = shard.driver.state.contacts.get("p")
    assert contacts is not None
    assert contacts.activation_id == []
    (note,) = shard.said["decision-notes"]
    assert (note.kind, note.decision_id, note.noted_at) == ("rejected", activation.decision_id, NOW + 1)
    assert note.details == {"activation_id": activation.activation_id}


def test_a_report_about_nobody_we_know_is_an_event_and_a_note() -> None:
    shard, (activation,) = offered(0)
    shard.tell(delivered(activation, NOW + 1, profile_id="stranger"))
    assert [note.profile_id for note in shard.said["decision-notes"]] == ["stranger"]
    assert len(shard.said["events"]) == 2


def test_a_reward_is_final_at_window_and_lateness_and_not_before() -> None:
    shard, _ = offered(0)
    shard.tick(NOW + 16 * DAY_MS - 1)
    assert shard.said["rewards"] == []
    shard.tick(NOW + 16 * DAY_MS)
    assert [(one.outcome, one.status, one.rewarded_at) for one in shard.said["rewards"]] == [
        ("purchase", "final", NOW + 16 * DAY_MS), ("retain", "final", NOW + 16 * DAY_MS),
    ]  # fmt: skip
    assert (shard.shard.clock, shard.driver.state.open_decisions.get("p")) == (NOW + 16 * DAY_MS, None)


def test_windows_close_before_the_event_that_passes_them() -> None:
    shard, (activation,) = offered(0)
    shard.tell(delivered(activation, NOW + 1))
    shard.tick(NOW + 9 * DAY_MS)
    said = shard.tell(bought(NOW + 16 * DAY_MS))
    assert [type(record).__name__ for record in said] == [
        "Reward", "Reward", "TrainingExample", "TrainingExample", "Event",
    ]  # fmt: skip
    steps = [output.step for output in shard.outputs[-5:]]
    assert steps == [steps[0]] * 4 + [steps[0] + 1]


def test_live_windows_close_with_the_wall_clock() -> None:
    shard = Shard(plain_policy(), live=True)
    shard.tell(raw(at=shard.wall))
    assert shard.driver.wake_at() == shard.wall + 16 * DAY_MS
    assert shard.pass_time(16 * DAY_MS - 1) == []
    assert len(shard.pass_time(1)) == 4
    assert shard.driver.wake_at() is None


def test_windows_close_in_the_order_of_due_and_id_and_after_a_restart_too() -> None:
    told: list[list[str]] = []
    for restarts in (False, True):
        shard, _ = offered(0, 1, 2)
        shard.tell(*(raw(profile_id=name, event_id=name, at=NOW + HOUR_MS) for name in "qr"))
        if restarts:
            shard.restart()
        shard.tick(NOW + 20 * DAY_MS)
        told.append([one.decision_id for one in shard.said["rewards"]])
        due = sorted((one.decided_at, one.decision_id) for one in shard.said["decisions"])
        assert len(due) == 5
        assert list(dict.fromkeys(told[-1])) == [decision_id for _, decision_id in due]
    assert told[0] == told[1]


def test_a_ghosts_rewards_are_what_happened_without_us() -> None:
    shard, _ = offered(0, 1, holdout=HELD_OUT)
    shard.tell(bought(NOW + 2 * HOUR_MS))
    assert credited(shard) == [None]
    shard.tick(NOW + 20 * DAY_MS)
    assert [(one.ghost, one.outcomes, one.value_micro) for one in final(shard).values()] == [(True, 1, 3_250_000)] * 2


def test_a_decision_for_no_action_earns_no_reward() -> None:
    policy = plain_policy()
    policy["actions"][0]["eligibility"] = "baskets_28d >= 9"
    shard = Shard(policy)
    shard.tell(raw(), bought(NOW + 1))
    shard.tick(NOW + 20 * DAY_MS)
    assert (shard.said["rewards"], shard.said["outcomes"]) == ([], [])
    assert [example.action for example in shard.said["retraining"]] == [None, None]


def test_of_a_person_at_most_fifty_decisions_are_open() -> None:
    row = OpenDecisions()
    assert all(attribute.hold(row, make_open_decision(str(number))) for number in range(50))
    assert not attribute.hold(row, make_open_decision("50"))
    assert [opened.decision_id for opened in row.decisions] == [str(number) for number in range(1, 51)]


def test_decisions_given_up_are_counted_and_their_windows_close_on_nothing() -> None:
    shard, _ = offered(*range(52))
    assert shard.counted("open_decisions_overflow") == {(): 2}
    shard.tick(NOW + 20 * DAY_MS)
    assert len(final(shard)) == 50


def test_an_open_decision_collects_at_most_32_outcomes() -> None:
    shard, (activation,) = offered(0)
    shard.tell(delivered(activation, NOW + 1))
    shard.tell(*(bought(NOW + 2 + number) for number in range(40)))
    assert len(credited(shard)) == attribute.TOUCHES_MAX
    shard.tick(NOW + 20 * DAY_MS)
    (reward,) = final(shard).values()
    assert reward.outcomes == attribute.TOUCHES_MAX


def test_outcomes_of_more_than_64_bits_earn_the_largest_reward_there_is() -> None:
    shard, (activation,) = offered(0)
    shard.tell(delivered(activation, NOW + 1))
    dear = {"category": "soup", "product_id": "tin", "quantity": 1, "amount": 1e12}
    shard.tell(*(bought(NOW + 2 + number, properties=dear) for number in range(20)))
    shard.tick(NOW + 20 * DAY_MS)
    (reward,) = final(shard).values()
    assert (reward.outcomes, reward.value_micro) == (20, attribute.VALUE_MAX)


def test_two_events_of_two_sources_with_one_id_are_two_outcomes() -> None:
    shard, (activation,) = offered(0)
    shard.tell(delivered(activation, NOW + 1))
    shard.tell(bought(NOW + 2, event_id="1", source="till"), bought(NOW + 2, event_id="1", source="web"))
    shard.tick(NOW + 20 * DAY_MS)
    (reward,) = final(shard).values()
    assert (reward.outcomes, reward.value_micro) == (2, 6_500_000)


def test_an_outcome_that_a_later_policy_does_not_know_stays_the_decisions_own() -> None:
    shard, (activation,) = offered(0)
    changed = plain_policy()
    changed["outcomes"]["purchase"]["event"] = "basket_completed"
    del changed["outcomes"]["purchase"]["match"]
    del changed["models"]["next_purchase"]["by"]
    shard.switch(changed)
    shard.tell(delivered(activation, NOW + 1), bought(NOW + 2))
    assert shard.said["outcomes"] == []
    shard.tick(NOW + 20 * DAY_MS)
    assert final(shard)[activation.decision_id].outcomes == 1


def test_value_and_category_are_those_of_the_event_if_it_has_any() -> None:
    shard, (activation,) = offered(0)
    shard.tell(delivered(activation, NOW + 1), raw(at=NOW + 2))
    (outcome,) = shard.said["outcomes"]
    assert (outcome.type, outcome.category, outcome.value_micro) == ("retain", None, 0)


def test_an_outcome_whose_value_is_not_told_is_worth_nothing() -> None:
    policy = plain_policy()
    policy["events"]["product_purchased"]["optional"] = ["amount"]
    shard = Shard(policy)
    shard.tell(raw(), bought(NOW + 1, properties={"category": "soup", "product_id": "tin", "quantity": 1}))
    assert [outcome.value_micro for outcome in shard.said["outcomes"]] == [0]


def test_a_purchase_lets_its_category_rest_and_takes_up_the_offer() -> None:
    policy = plain_policy()
    policy["outcomes"]["purchase"]["cool_down"] = "7d"
    shard = Shard(policy)
    shard.tell(raw())
    (activation,) = shard.said["activations"]
    shard.tell(delivered(activation, NOW + 1), bought(NOW + 2), raw(at=NOW + 3))
    contacts = shard.driver.state.contacts.get("p")
    assert contacts is not None
    assert contacts.cooldowns == [["category:soup", NOW + 2 + 7 * DAY_MS]]
    assert [offer.state for offer in contacts.offers] == ["redeemed"]
    assert shard.said["decisions"][-1].reason == "cooldown"


def test_labels_are_noted_once_the_earliest_first() -> None:
    shard, _ = offered(0)
    shard.learn(version("basket"))
    for at, amount in ((NOW + 9, 9.0), (NOW + 7, 7.0), (NOW + 8, 8.0)):
        shard.tell(raw(at=at, properties={"basket_id": "b", "amount": amount}))
    row = shard.driver.state.open_decisions.get("p")
    assert row is not None
    assert row.decisions[0].labels == {"lapse": [1, NOW + 7], "basket": [7_000_000, NOW + 7]}


def test_an_event_that_means_nothing_changes_nothing() -> None:
    shard, _ = offered(0)
    shard.flush()
    event = Event("e", "p", "unsubscribed", NOW + 1, "till", {"delivery_channel": "x"}, None, None, NOW + 1, None)
    row = shard.driver.state.open_decisions.get("p")
    assert row is not None
    assert not attribute.observe(row, event, shard.book)
