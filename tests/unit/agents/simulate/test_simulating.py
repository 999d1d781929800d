"""A window is decided again: under the same rules the same comes out, under others what they say."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from agents.codecs.avro import decode_event
from agents.errors import UserError
from agents.ranges import parse
from agents.simulate.report import LIMITS, Report, to_json, to_text
from agents.simulate.simulating import simulate
from agents.simulate.tally import FEWER, MORE, OTHER, SAME
from streams import profile
from streams.records import Decision
from tests.builders import DAY_MS, HOUR_MS, NOW
from tests.models import weighted
from tests.recording import Recording
from tests.replays import mixed, residents, tell_day
from tests.shard import raw
from tests.stream import Deployment

DAYS = 5
SECOND_DAY = NOW + DAY_MS


@cache
def recording() -> Recording:
    """Return five days of people who buy; what goes out to them is delivered, or refused, half a day later."""
    deployment = Deployment(mixed())
    deployment.learn(weighted("lapse", ["recency_d", "baskets_28d"]))
    names = [*residents(0, 6), *residents(1, 6)]
    reported: set[str] = set()
    for day in range(DAYS):
        tell_day(deployment, names, day)
        for n, sent in enumerate(deployment.said("activations")):
            if sent.activation_id not in reported:
                reported.add(sent.activation_id)
                told: dict[str, Any] = {
                    "activation_id": sent.activation_id, "decision_id": sent.decision_id,
                    "delivery_channel": sent.delivery_channel,
                }  # fmt: skip
                kind = "rejected" if n % 5 == 0 else "delivered"
                told |= {"reason": "full"} if kind == "rejected" else {}
                at = sent.decided_at + 12 * HOUR_MS
                deployment.tell([
                    raw(f"activation_{kind}", at, profile_id=sent.profile_id, event_id=f"r-{sent.activation_id}",
                        properties=told, source="channel")
                ])  # fmt: skip
    assert len(reported) > 10
    return Recording(deployment)


def refused() -> set[tuple[str, str]]:
    """Return event and person of every report that a contact was refused."""
    told = [decode_event(one.value) for number in (0, 1) for one in recording().records["events", number]]
    return {(one.event_id, one.profile_id) for one in told if one.type == "activation_rejected"}


def simulated(said: str = "all", candidate: Mapping[str, Any] | None = None) -> Report:
    return asyncio.run(simulate(recording(), parse(said), candidate))


def decisions() -> list[Decision]:
    return recording().decisions(0) + recording().decisions(1)


@pytest.mark.parametrize("candidate", [None, mixed()])
def test_under_the_same_rules_the_same_is_decided(candidate: dict[str, Any] | None) -> None:
    report = simulated(candidate=candidate)
    assert {one.source for one in decisions()} >= {"best", "explore", "holdout"}
    assert report.tally.fates == {SAME: len(decisions())}
    assert report.tally.recorded == report.tally.simulated
    assert (report.tally.only_recorded, report.tally.only_simulated, report.failed) == (0, 0, [])
    assert report.tally.recorded.actions.total() == sum(one.action is not None for one in decisions())


def test_other_rules_apply_from_the_beginning_of_the_window_on() -> None:
    report = simulated(f"{SECOND_DAY}..", mixed(actions=[mixed()["actions"][1]]))
    window = [one for one in decisions() if one.opened_at >= SECOND_DAY]
    assert 0 < report.tally.recorded.decisions == len(window) < len(decisions())
    assert report.tally.simulated.decisions == len(window)
    assert report.tally.simulated.actions.keys() == {"soup_more"} != report.tally.recorded.actions.keys()


def test_a_window_ends_before_its_end() -> None:
    report = simulated(f"..{SECOND_DAY}", mixed())
    assert report.tally.fates == {SAME: sum(one.opened_at < SECOND_DAY for one in decisions())}
    assert report.events < simulated().events


def test_what_changed_is_told_by_kind_and_by_example() -> None:
    dear = {name: {**one, "threshold": 1e6} for name, one in mixed()["delivery_channels"].items()}
    nothing = simulated(candidate=mixed(delivery_channels=dear))
    assert nothing.tally.fates[FEWER] == nothing.tally.recorded.actions.total() > 0
    assert nothing.tally.simulated.actions.total() == nothing.tally.simulated.cost_micro == 0
    everybody = simulated(candidate=mixed(holdout={"share": 0.0, "seed": "s"}))
    assert everybody.tally.fates[MORE] > 0
    others = simulated(candidate=mixed(exploration={"epsilon": 1.0, "delta": 100.0, "salt": "other"}))
    assert others.tally.fates[OTHER] > 0
    change = others.tally.changes[0]
    assert (change.recorded.decision_id, change.fate) == (change.simulated.decision_id, change.fate)
    text = to_text(others)
    assert f"simulated  {change.simulated.said}" in text
    assert f"{change.recorded.decision_id}, {change.recorded.profile_id}" in text
    assert text.endswith("\n".join(f"  {limit}" for limit in LIMITS) + "\n")
    told = to_json(others)
    assert told["fates"][OTHER] == others.tally.fates[OTHER]
    assert told["recorded"]["people_contacted"] == len(others.tally.recorded.contacts)


def test_caps_hold_among_the_contacts_that_are_simulated() -> None:
    free = mixed(conflicts={}, contact=[{"id": "all-7d", "scope": "global", "limit": 2, "window": "rolling:7d"}])
    report = simulated(candidate=free)
    often = {name for name, contacts in report.tally.simulated.contacts.items() if contacts > 2}
    assert often == {said[1] for said in refused()}  # a contact that was refused is none
    assert report.tally.simulated.reasons["contact:all-7d"] > 0


def test_an_event_on_which_a_stage_fails_is_told_and_the_rest_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    fold = profile.fold

    def fail_once(person: Any, event: Any, features: Any) -> None:
        fold(person, event, features)
        if event.event_id == failing:
            raise ZeroDivisionError("planted")

    failing = decisions()[3].trigger_event_id
    monkeypatch.setattr(profile, "fold", fail_once)
    report = simulated()
    assert report.failed == [(failing, "ZeroDivisionError: planted")]
    assert report.tally.only_recorded == 1
    assert report.tally.simulated.decisions == len(decisions()) - 1
    assert f"{failing}: ZeroDivisionError" in to_text(report)


def test_partitions_one_by_one_add_up_to_all() -> None:
    candidate = mixed(exploration={"epsilon": 1.0, "delta": 100.0, "salt": "other"})
    together = simulated(candidate=candidate)
    parts = [asyncio.run(simulate(recording(), parse("all"), candidate, number)) for number in (0, 1)]
    parts[0].add(parts[1])
    assert parts[0].tally.fates[OTHER] > 0
    assert parts[0] == together


def test_recorded_decisions_that_cannot_be_read_are_told() -> None:
    kept = copy.deepcopy(recording())
    kept.change(0, lambda decision: replace(decision, evidence=b"?"))
    kept.put("decisions", 1, value=b"no decision")
    report = asyncio.run(simulate(kept, parse("all"), None))
    assert (report.unreadable, report.tally.only_simulated) == (2, 2)
    assert "2 recorded decisions cannot be read" in to_text(report)


def test_one_decision_is_no_window() -> None:
    with pytest.raises(UserError, match="a stretch of time"):
        simulated(decisions()[0].decision_id)


def test_a_window_that_ends_before_it_begins_in_the_policys_zone_is_refused() -> None:
    with pytest.raises(UserError, match="ends before it begins"):
        simulated("2017-07-15T06:00..2017-07-15T08:00Z")  # 10:00 UTC
