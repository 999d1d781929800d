"""The driver: inputs become steps, time passes before what passes it, and what fails is buried alone."""

from __future__ import annotations

from typing import Any

import pytest

from streams.inputs import AnswerInput, DueInput, RawInput, TickInput
from streams.records import Origin, Proposal
from tests.builders import DAY_MS, HOUR_MS, NOW
from tests.shard import WALL, Shard, plain_policy, raw, version


def test_every_input_applied_takes_the_next_step_and_stamps_its_outputs() -> None:
    shard = Shard(plain_policy())
    shard.tell(raw(), raw(), raw("dreamt"))
    shard.tick(NOW + 1)
    shard.learn(version("lapse"))
    assert shard.driver.out.step == 6
    assert [(output.noun, output.step) for output in shard.outputs] == [
        ("events", 2), ("decisions", 2), ("activations", 2), ("dead-letters", 4),
    ]  # fmt: skip


def test_each_window_that_an_event_passes_is_a_step_of_its_own() -> None:
    shard = Shard(plain_policy())
    shard.tell(raw(at=NOW, profile_id="p", event_id="1"), raw(at=NOW + 1, profile_id="q", event_id="2"))
    shard.tick(NOW + 15 * DAY_MS)
    begun = len(shard.outputs)
    shard.tell(raw(at=NOW + 17 * DAY_MS, profile_id="r", event_id="3"))
    steps = {output.step: output.key for output in shard.outputs[begun:]}
    assert list(steps.values()) == ["p", "q", "r"]
    assert list(steps) == sorted(steps)


def test_a_refused_event_and_a_duplicate_pass_no_time() -> None:
    shard = Shard(plain_policy())
    shard.tell(raw(at=NOW))
    shard.tick(NOW + 15 * DAY_MS)
    shard.tell(raw(at=NOW), raw(at=NOW + 17 * DAY_MS, properties={}))
    assert (shard.said["rewards"], shard.shard.clock) == ([], NOW + 15 * DAY_MS)


def test_a_tick_never_turns_the_clock_back() -> None:
    shard = Shard()
    shard.tick(NOW)
    shard.tick(NOW - 1)
    assert (shard.shard.clock, shard.driver.out.step) == (NOW, 3)


def test_live_a_tick_moves_nothing() -> None:
    shard = Shard(live=True)
    shard.tick(NOW + 99 * DAY_MS)
    assert shard.shard.clock == 0


def test_there_is_nothing_to_wake_for_in_a_history_without_rounds() -> None:
    shard = Shard(plain_policy())
    shard.tell(raw())
    assert shard.driver.wake_at() is None
    assert shard.give(DueInput()) == []


def test_a_round_ends_under_the_policy_it_began_with() -> None:
    shard = Shard(plain_policy())
    before = shard.shard.policy_hash
    shard.learn(version("next_purchase"))
    shard.beat("next_purchase")
    shard.tell(raw())
    changed = plain_policy()
    changed["actions"][0]["id"] = "soup_more"
    after = shard.switch(changed).hash
    shard.tell(raw(at=NOW + 1))
    first, second = shard.said["requests"]
    for request in (first, second):
        shard.answer(request, 0.5, 0.5)
    assert [(one.policy_hash, one.action) for one in shard.said["decisions"]] == [
        (before, "soup_off"), (after, "soup_more"),
    ]  # fmt: skip
    assert [one.policy_hash for one in shard.said["activations"]] == [before, after]
    shard.tick(NOW + 17 * DAY_MS)
    assert [one.policy_hash for one in shard.said["retraining"]] == [before, before, after, after]


def test_a_feature_that_a_policy_brings_is_not_known_before_it_was_kept() -> None:
    shard = Shard(plain_policy())
    shard.tell(raw("product_purchased", NOW))
    changed = plain_policy()
    changed["features"]["bought_7d"] = {"count": "product_purchased", "window": "7d"}
    changed["decision_points"]["checkout"]["when"] = "bought_7d >= 0"
    shard.switch(changed)
    shard.tell(raw(at=NOW + 1))
    assert shard.said["decisions"] == []
    shard.tick(NOW + 8 * DAY_MS)
    shard.tell(raw(at=NOW + 8 * DAY_MS))
    assert len(shard.said["decisions"]) == 1


def test_a_trigger_opens_no_round_where_its_condition_does_not_hold() -> None:
    policy = plain_policy()
    policy["decision_points"]["checkout"]["when"] = "baskets_28d >= 2"
    shard = Shard(policy)
    shard.tell(raw(at=NOW), raw(at=NOW + 1))
    assert [decision.trigger_occurred_at for decision in shard.said["decisions"]] == [NOW + 1]
    assert shard.counted("triggers") == {("checkout",): 1}


def test_what_is_imported_is_known_triggers_nothing_and_is_nobodys_outcome() -> None:
    policy = plain_policy()
    policy["decision_points"]["checkout"]["when"] = "baskets_28d >= 2"
    shard = Shard(policy)
    shard.tell(raw(at=NOW, source="import"), raw(at=NOW + 1, source="import"))
    assert "decisions" not in shard.said
    shard.tell(raw(at=NOW + 2))
    assert len(shard.said["decisions"]) == 1, "what was imported is not known"
    before = shard.driver.state.open_decisions.get("p")
    shard.tell(raw("product_purchased", at=NOW + 3, source="import"))
    assert before is not None
    assert before.decisions[0].touches == []
    shard.tell(raw("product_purchased", at=NOW + 4))
    assert len(before.decisions[0].touches) > 0


def test_a_decision_sees_the_contacts_of_the_one_before() -> None:
    limit = {"id": "one", "scope": "global", "limit": 1, "window": "rolling:7d"}
    policy = plain_policy(contact=[limit])
    policy["actions"][0]["offer_days"] = 0
    shard = Shard(policy)
    shard.tell(*(raw(at=NOW + ms) for ms in (0, 1, DAY_MS)))  # never delivered: its lease ends after two minutes
    assert [one.reason for one in shard.said["decisions"]] == [None, "contact:one", None]


@pytest.mark.parametrize("live", [False, True])
def test_a_record_on_which_a_stage_failed_is_parked_as_an_input_of_its_own(live: bool) -> None:
    shard = Shard(live=live)
    original = shard.original(b"bytes")
    shard.driver.bury(RawInput(raw(), original), original, "internal_error:KeyError", "x" * 5_000, is_event=True)
    (output,) = shard.driver.out.outputs
    letter = output.record
    assert (letter.cause, len(letter.detail), letter.value) == ("internal_error:KeyError", 1_000, b"bytes")
    assert (output.step, shard.counted("records")) == (2, {("dead_letter",): 1})


def test_a_detail_that_is_no_text_is_told_as_well_as_it_can_be() -> None:
    shard = Shard()
    shard.driver.bury(None, shard.original(), "internal_error:ValueError", "broken \ud800", is_event=True)
    assert shard.driver.out.outputs[0].record.detail == "broken \\ud800"


def test_the_round_of_an_answer_that_failed_waits_no_longer() -> None:
    shard = Shard(plain_policy())
    shard.learn(version("next_purchase"))
    shard.beat("next_purchase")
    shard.tell(raw())
    (request,) = shard.said["requests"]
    answer = AnswerInput("next_purchase", Proposal(request.call_id, request.round_id, "v1", "ok", [0.5, 0.5]))
    shard.driver.bury(answer, shard.original(), "internal_error:KeyError", "", is_event=False)
    assert (shard.driver.state.rounds_open, request.round_id in shard.driver.state.rounds) == (0, False)
    assert shard.counted("records") == {("accepted",): 1}
    assert shard.give(answer) == []


def test_a_window_that_fails_is_parked_and_its_decision_given_up() -> None:
    shard = Shard(plain_policy())
    shard.tell(raw(at=NOW, event_id="1", profile_id="p"), raw(at=NOW + 1, event_id="2", profile_id="q"))
    shard.flush()
    later = TickInput(NOW + 17 * DAY_MS)
    shard.driver.apply(later, WALL)
    due = shard.driver.firing
    assert due is not None
    shard.driver.state.rewind()
    (output,) = shard.driver.bury_timer(due, "internal_error:KeyError", "why")
    letter = output.record
    first, second = shard.said["decisions"]
    assert letter.origin == Origin("timer", 0, 0, NOW + 16 * DAY_MS)
    assert (letter.key, letter.value, letter.cause) == (b"p", first.decision_id.encode(), "internal_error:KeyError")
    shard.give(later)
    assert {reward.decision_id for reward in shard.said["rewards"]} == {second.decision_id}


def test_a_deadline_that_fails_is_parked_and_its_round_given_up() -> None:
    shard = Shard(plain_policy(), live=True)
    shard.learn(version("next_purchase"))
    shard.beat("next_purchase")
    shard.tell(raw(at=WALL))
    shard.flush()
    shard.driver.apply(DueInput(), WALL + 200)
    due = shard.driver.firing
    assert due is not None
    assert due.is_deadline
    shard.driver.state.rewind()
    shard.driver.bury_timer(due, "internal_error:KeyError", "why")
    assert shard.driver.state.rounds_open == 0
    assert shard.pass_time(HOUR_MS) == []


def test_a_shard_goes_on_after_a_restart_as_if_nothing_had_happened() -> None:
    told: list[list[Any]] = []
    for restarts in (False, True):
        shard = Shard(plain_policy())
        shard.learn(version("next_purchase", calibrated=True), version("lapse"))
        for number in range(40):
            shard.beat("next_purchase")
            shard.tell(raw("product_purchased", NOW + number * HOUR_MS), raw(at=NOW + number * HOUR_MS))
            for request in shard.said["requests"][number:]:
                shard.answer(request, 0.25, 0.75)
            if restarts:
                shard.restart()
        shard.tick(NOW + 20 * DAY_MS)
        told.append([(output.step, output.noun, output.record) for output in shard.outputs])
    assert told[0] == told[1]
