"""What may not go out yet: a promotion is decided about again, a transactional message is sent as it is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from streams import attribute, deferrals
from streams.ids import derive
from streams.inputs import DueInput
from streams.records import Feature
from tests.builders import DAY_MS, HOUR_MS, NOW
from tests.shard import Shard, plain_policy, raw, release, version

MORNING = NOW + 9 * HOUR_MS + 20 * 60_000  # 8:00 in New York, where it is 22:40 now
NIGHT: dict[str, Any] = {"from": "21:00", "to": "08:00"}


class Patient:
    """A model that would have everything wait for so many hours, and others that are sure."""

    def __init__(self, hours: float) -> None:
        self.hours = hours

    def answer(self, name: str, version: str, features: list[Feature]) -> list[float] | None:
        return [self.hours] if name == "moment" else [0.9]


def quiet_policy(*, klass: str = "promo", **action: Any) -> dict[str, Any]:
    """Return a bundle that offers everybody soup in the app, but not by night."""
    bundle = plain_policy()
    bundle["delivery_channels"]["app"]["quiet_hours"] = NIGHT
    bundle["actions"][0] |= {"class": klass} | ({"intent": "service"} if klass != "promo" else {}) | action
    return bundle


def timed_policy(**action: Any) -> dict[str, Any]:
    """Return a bundle in which a model says when the app speaks."""
    bundle = plain_policy()
    bundle["models"]["moment"] = {"inputs": ["baskets_28d"], "gives": "hours", "role": "send_time", "serves": "inline"}
    bundle["decision_points"]["checkout"]["models"].append("moment")
    bundle["delivery_channels"]["app"]["send_time"] = "moment"
    bundle["actions"][0] |= action
    return bundle


def told(shard: Shard) -> list[tuple[str, str | None, str | None]]:
    return [(one.source, one.action, one.reason) for one in shard.said["decisions"]]


def test_a_promotion_by_night_is_decided_again_in_the_morning() -> None:
    shard = Shard(quiet_policy())
    shard.tell(raw())
    (first,) = shard.said["decisions"]
    assert (told(shard), shard.said["activations"]) == ([("deferred", None, "deferred")], [])
    assert shard.driver.state.contacts.get("p") is None
    shard.tick(MORNING - 1)
    assert len(shard.said["decisions"]) == 1
    shard.tick(MORNING)
    _, again = shard.said["decisions"]
    (activation,) = shard.said["activations"]
    assert told(shard)[1] == ("best", "soup_off", None)
    assert again.decision_id == derive("decision", "checkout", "deferral", first.decision_id, "1")
    assert (again.trigger_type, again.trigger_event_id) == ("deferral", f"{first.decision_id}/1")
    assert (again.trigger_occurred_at, again.opened_at, again.decided_at) == (MORNING, MORNING, MORNING)
    assert activation.activation_id == derive("activation", first.decision_id, "checkout", "1")
    assert (activation.decision_id, activation.release_at) == (again.decision_id, MORNING)


def test_of_what_is_deferred_no_outcome_is_awaited_so_it_crowds_out_nothing_that_is() -> None:
    shard = Shard(quiet_policy(offer_days=0))
    shard.tell(raw(at=NOW - 6 * HOUR_MS))
    (acted,) = shard.said["decisions"]
    shard.tell(*(raw(event_id=f"e{n}") for n in range(attribute.OPEN_MAX)))
    row = shard.driver.state.open_decisions.get("p")
    assert row is not None
    assert (acted.action, [one.decision_id for one in row.decisions]) == ("soup_off", [acted.decision_id])


def test_a_transactional_message_by_night_is_decided_and_sent_in_the_morning_as_it_is() -> None:
    shard = Shard(quiet_policy(klass="transactional"))
    shard.tell(raw())
    (decision,) = shard.said["decisions"]
    assert (decision.action, shard.said["activations"]) == ("soup_off", [])
    contacts = shard.driver.state.contacts.get("p")
    assert contacts is not None
    assert contacts.lease_until == [MORNING + HOUR_MS]
    assert contacts.offers[0].until == MORNING + 14 * DAY_MS
    shard.tick(MORNING)
    (activation,) = shard.said["activations"]
    assert (activation.decision_id, activation.decided_at) == (decision.decision_id, NOW)
    assert activation.release_at == MORNING
    assert activation.expires_at == MORNING + 14 * DAY_MS
    assert len(shard.said["decisions"]) == 1


@pytest.mark.parametrize("klass", ["promo", "transactional"])
def test_a_restart_forgets_nothing_that_waits(klass: str) -> None:
    shard = Shard(quiet_policy(klass=klass))
    shard.tell(raw())
    shard.restart()
    shard.tick(MORNING + HOUR_MS)
    shard.restart()
    shard.tick(MORNING + 2 * HOUR_MS)
    assert len(shard.said["activations"]) == 1


def test_what_nobody_wants_any_more_by_then_is_dropped_with_a_note() -> None:
    bundle = quiet_policy()
    bundle["decision_points"]["checkout"]["when"] = "recency_d < 1"
    shard = Shard(bundle)
    shard.tell(raw())
    gone = quiet_policy()
    gone["decision_points"]["checkout"]["when"] = "recency_d < 0"
    shard.switch(gone)
    shard.tick(MORNING)
    (note,) = shard.said["decision-notes"]
    assert (note.kind, note.noted_at, note.details) == ("deferral_dropped", MORNING, {"number": "1"})
    assert (note.decision_id, len(shard.said["decisions"])) == (shard.said["decisions"][0].decision_id, 1)


def test_what_is_not_valid_any_more_by_then_is_refused_now() -> None:
    shard = Shard(quiet_policy(valid_to="2017-07-14T07:45:00"))
    shard.tell(raw())
    assert told(shard) == [("none", None, "release")]


def test_what_is_urgent_passes_quiet_hours_that_allow_it() -> None:
    bundle = quiet_policy(klass="transactional", tier=0)
    bundle["delivery_channels"]["app"]["quiet_hours"] = NIGHT | {"bypassable": True}
    shard = Shard(bundle)
    shard.tell(raw())
    assert len(shard.said["activations"]) == 1


def test_a_held_out_person_waits_as_the_others_do() -> None:
    shard = Shard(quiet_policy() | {"holdout": {"share": 1, "seed": "s"}})
    shard.tell(raw())
    assert told(shard) == [("deferred", None, "deferred")]
    shard.tick(MORNING)
    assert told(shard)[1] == ("holdout", None, "holdout")


def test_a_model_moves_a_promotion_once() -> None:
    shard = Shard(timed_policy(), models=Patient(6.0))
    shard.learn(replace(version("moment"), inputs=["baskets_28d"]))
    shard.tell(raw())
    assert told(shard) == [("deferred", None, "deferred")]
    shard.tick(NOW + 6 * HOUR_MS - 1)
    assert len(shard.said["decisions"]) == 1
    shard.tick(NOW + 6 * HOUR_MS)
    assert [one.release_at for one in shard.said["activations"]] == [NOW + 6 * HOUR_MS]


def test_an_offer_that_ends_before_the_better_moment_is_not_held_for_it() -> None:
    shard = Shard(timed_policy(valid_to="2017-07-14T02:40:00"), models=Patient(6.0))  # in four hours
    shard.learn(replace(version("moment"), inputs=["baskets_28d"]))
    shard.tell(raw())
    assert told(shard) == [("none", None, "release")]


@pytest.mark.parametrize("hours", [-0.1, 168.1, float("nan")])
def test_a_moment_that_is_none_moves_nothing(hours: float) -> None:
    shard = Shard(timed_policy(), models=Patient(hours))
    shard.learn(replace(version("moment"), inputs=["baskets_28d"]))
    shard.tell(raw())
    (decision,) = shard.said["decisions"]
    assert (decision.source, decision.flags[-1]) == ("best", "degraded:moment")


def test_without_a_version_a_model_moves_nothing_and_that_is_no_flag() -> None:
    shard = Shard(timed_policy(), models=Patient(6.0))
    shard.tell(raw())
    (decision,) = shard.said["decisions"]
    assert decision.source == "best"
    assert not any("moment" in flag for flag in decision.flags)


def test_three_deferrals_are_enough() -> None:
    shard = Shard(quiet_policy())
    shard.tell(raw())
    for begins in ("07:00", "09:00", "11:00"):  # every time it would go out, these are quiet hours
        later = quiet_policy()
        later["delivery_channels"]["app"]["quiet_hours"] = {"from": begins, "to": f"{int(begins[:2]) + 3}:00"}
        shard.switch(later)
        shard.tick(shard.driver.state.timers.first() or 0)
    deferred = ("deferred", None, "deferred")
    assert told(shard) == [deferred, deferred, deferred, ("none", None, "release")]
    assert [one.trigger_event_id[-2:] for one in shard.said["decisions"][1:]] == ["/1", "/2", "/3"]


def test_live_it_goes_out_when_the_wall_clock_says_so() -> None:
    shard = Shard(quiet_policy(), live=True)
    shard.wall = NOW
    shard.tell(raw())
    assert shard.driver.wake_at() == MORNING
    shard.give(DueInput(), MORNING)
    assert [one.release_at for one in shard.said["activations"]] == [MORNING]


def test_the_name_of_a_deferral_stands_in_the_head_of_the_decision_that_it_leads_to() -> None:
    recalled = deferrals.recall("f1/2", "p", "checkout", NOW)
    assert (recalled.family, recalled.number) == ("f1", 2)
    assert deferrals.name_of(recalled) == derive("decision", "checkout", "deferral", "f1", "2")
    with pytest.raises(ValueError, match="invalid literal"):
        deferrals.recall("f1/", "p", "checkout", NOW)


def test_in_lockstep_what_comes_next_waits_for_the_round_that_a_deferral_has_opened() -> None:
    shard = Shard(quiet_policy(), lockstep=True)
    shard.learn(version("next_purchase"))
    shard.learn(*(release(model, NOW + DAY_MS) for model in ("next_purchase", "lapse")))
    shard.tell(raw())
    (first,) = shard.said["requests"]
    shard.answer(first)
    assert told(shard) == [("deferred", None, "deferred")]
    later = raw(at=MORNING + HOUR_MS, event_id="later")
    shard.tell(later)
    assert (shard.driver.held, len(shard.said["events"]), len(shard.said["requests"])) == (True, 1, 2)
    shard.answer(shard.said["requests"][1])
    shard.tell(later)
    assert (shard.driver.held, len(shard.said["events"])) == (False, 2)
    assert told(shard)[1] == ("best", "soup_off", None)
