"""Stage 3: ask the right models, wait no longer than the deadline."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, Final

import pytest

from streams import propose
from streams.inputs import AnswerInput
from streams.records import Decision, DecisionNote, Proposal, Request
from streams.rows import Answer, ModelRow, Profile
from tests.builders import DAY_MS, NOW, small_policy
from tests.shard import WALL, Formula, Shard, compiled, plain_policy, raw, release, version

POLICY: Final = compiled(small_policy())
TOPIC_MODEL: Final = POLICY.models["next_purchase"]
MONEY_MODEL: Final = POLICY.models["basket"]


def asking(**options: Any) -> Shard:
    """Return a shard whose models all have a version and whose model process is alive."""
    shard = Shard(plain_policy(), **options)
    shard.learn(version("next_purchase", calibrated=True), version("lapse"), version("basket"))
    shard.beat("next_purchase")
    return shard


def ask(shard: Shard, at: int = NOW, **fields: Any) -> Request:
    """Tell of a basket; return the request that it causes."""
    (request,) = (record for record in shard.tell(raw(at=at, **fields)) if isinstance(record, Request))
    return request


def readings(shard: Shard, decision: Decision) -> dict[str, Any]:
    """Return how a decision read each of its models."""
    from agents.vault import PersonalVault
    from streams.decision import unpack

    vault = PersonalVault(b"lockstep")
    verdict = unpack(decision.evidence, lambda sealed, about: vault.open(vault.new_key("p"), sealed, about))
    return {reading.model: reading for reading in verdict.snapshot.readings}


@pytest.mark.parametrize(
    ("outputs", "quantised"),
    [
        ([0.0, 1.0], [0, 1_000_000_000]),
        ([0.5, 0.1234567894], [500_000_000, 123_456_789]),
        ([0.5], None),
        ([0.5, 0.5, 0.5], None),
        ([0.5, math.nan], None),
        ([-0.0000001, 0.5], None),
        ([0.5, 1.0000001], None),
        ([0.5, math.inf], None),
    ],
)
def test_a_propensity_is_quantised_once_or_no_answer(outputs: list[float], quantised: list[int] | None) -> None:
    assert propose.quantise(TOPIC_MODEL, outputs, 2) == quantised


@pytest.mark.parametrize(
    ("amount", "micro"), [(41.5, 41_500_000), (-1.0, -1_000_000), (math.nan, None), (-math.inf, None), (1e306, None)]
)
def test_an_amount_is_quantised_once_or_no_answer(amount: float, micro: int | None) -> None:
    assert propose.quantise(MONEY_MODEL, [amount], 1) == (None if micro is None else [micro])


def test_the_newest_version_that_is_no_younger_than_the_decision_is_asked() -> None:
    row = ModelRow()
    for name, until in (("b", 20), ("a", 10), ("c", 30), ("a", 99)):
        propose.learn(row, version(TOPIC_MODEL.name, name, until))
    assert [propose.current_version(row, TOPIC_MODEL, clock) for clock in (9, 10, 29, 30)] == ["", "a", "b", "c"]
    assert propose.current_version(None, TOPIC_MODEL, 30) == ""


def test_a_version_made_for_other_inputs_is_not_asked() -> None:
    row = ModelRow()
    propose.learn(row, version(TOPIC_MODEL.name, "fits", 10))
    other = replace(version(TOPIC_MODEL.name, "other", 20), inputs=list(reversed(TOPIC_MODEL.inputs)))
    propose.learn(row, other)
    assert propose.current_version(row, TOPIC_MODEL, 30) == "fits"


def test_of_a_model_sixteen_versions_are_kept() -> None:
    row = ModelRow()
    for number in range(20):
        propose.learn(row, version("m", str(number), number, calibrated=True))
    assert [known[1] for known in row.versions] == [str(number) for number in range(4, 20)]
    assert row.versions[0][2:5] == ["m-4", [500_000_000], [50_000_000, 500_000_000]]


def test_of_the_barriers_that_a_trainer_released_the_last_one_is_kept() -> None:
    row = ModelRow()
    for barrier in (10, 30, 20):
        propose.learn(row, release("m", barrier))
    assert (row.released, row.versions, row.alive_until) == (30, [], 0)


def test_a_heartbeat_vouches_for_ten_seconds() -> None:
    row = ModelRow()
    propose.learn(row, version("m", "", kind="heartbeat"))
    assert [propose.is_alive(row, WALL + ms) for ms in (0, 9_999, 10_000)] == [True, True, False]
    assert not propose.is_alive(None, WALL)


def test_a_decision_is_made_once_in_thirty_days_even_when_its_events_id_is_forgotten() -> None:
    person = Profile()
    assert propose.is_first(person, "ab" * 16, NOW)
    assert not propose.is_first(person, "ab" * 16, NOW + 29 * DAY_MS)
    assert propose.is_first(person, "cd" * 16, NOW + 30 * DAY_MS)
    assert propose.is_first(person, "ab" * 16, NOW + 30 * DAY_MS)


def test_an_event_that_comes_again_after_two_days_is_decided_about_once() -> None:
    shard = Shard(plain_policy())
    shard.tell(raw(at=NOW, event_id="1"), raw("product_purchased", at=NOW + 2 * DAY_MS))
    shard.tell(raw("product_purchased", at=NOW + 2 * DAY_MS + 1), raw(at=NOW + 2 * DAY_MS, event_id="1"))
    assert [event.type for event in shard.said["events"]].count("basket_completed") == 2
    assert len(shard.said["decisions"]) == 1


def test_models_that_answer_at_once_need_no_request() -> None:
    policy = plain_policy()
    policy["models"]["next_purchase"]["serves"] = "inline"
    del policy["models"]["next_purchase"]["by"]
    shard = Shard(policy)
    shard.learn(version("next_purchase"), version("lapse"), version("basket"))
    shard.tell(raw())
    assert list(shard.said) == ["events", "decisions", "activations"]
    assert shard.counted("answers") == {("ok", "next_purchase"): 1, ("ok", "lapse"): 1, ("ok", "basket"): 1}


@pytest.mark.parametrize("answers", [None, [], [math.nan], [7.0, 7.0]])
def test_an_inline_model_that_fails_is_an_error_and_the_decision_goes_on(answers: list[float] | None) -> None:
    class Broken(Formula):
        def answer(self, name: str, version: str, features: list[Any]) -> list[float] | None:
            return answers

    shard = Shard(plain_policy(), models=Broken())
    shard.learn(version("lapse"))
    shard.tell(raw())
    (decision,) = shard.said["decisions"]
    assert "degraded:lapse" in decision.flags
    assert readings(shard, decision)["lapse"].status == "error"


def test_a_model_without_a_version_is_cold_and_not_asked() -> None:
    shard = Shard(plain_policy())
    shard.beat("next_purchase")
    shard.learn(version("next_purchase", "young", NOW + 1))
    shard.tell(raw(at=NOW))
    assert shard.said["requests"] == []
    assert readings(shard, shard.said["decisions"][0])["next_purchase"].status == "cold"
    assert shard.said["decisions"][0].flags[:1] == ["prior:next_purchase"]


def test_a_model_whose_process_is_dead_is_not_asked() -> None:
    shard = asking()
    shard.wall += 10_000
    shard.tell(raw())
    assert shard.said["requests"] == []
    assert "degraded:next_purchase" in shard.said["decisions"][0].flags


def test_a_request_names_the_version_and_the_features_of_the_model() -> None:
    shard = asking(live=True)
    shard.learn(version("next_purchase", "v2", WALL))
    request = ask(shard, WALL)
    assert (request.version, request.asked_at, request.deadline_at) == ("v2", WALL, WALL + 200)
    assert request.features == [0, 0, 1]
    assert len(request.call_id) == 32
    assert shard.driver.state.rounds_open == 1
    assert shard.said["decisions"] == []


def test_a_round_closes_with_its_last_answer() -> None:
    shard = asking()
    request = ask(shard)
    said = shard.answer(request, 0.25, 0.75, cost_micro=3, latency_ms=21)
    assert [type(record).__name__ for record in said] == ["Decision", "Activation"]
    reading = readings(shard, said[0])["next_purchase"]
    assert (reading.version, reading.status, reading.outputs) == ("v1", "ok", [250_000_000, 750_000_000])
    assert (reading.cost_micro, reading.latency_ms) == (3, 21)
    assert (reading.calibrator_id, reading.propensities_ppb) == ("next_purchase-v1", [50_000_000, 500_000_000])
    assert (shard.driver.state.rounds_open, request.round_id in shard.driver.state.rounds) == (0, False)
    assert shard.driver.out.waits_ms == [0]


def test_a_round_with_two_models_waits_for_both_and_for_the_longer_deadline() -> None:
    policy = plain_policy()
    policy["models"]["lapse"] |= {"serves": "topic", "deadline_ms": 700}
    shard = Shard(policy, live=True)
    shard.learn(version("next_purchase"), version("lapse"), version("basket"))
    shard.beat("next_purchase", "lapse")
    first, second = (record for record in shard.tell(raw(at=WALL)) if isinstance(record, Request))
    assert (first.deadline_at, second.deadline_at) == (WALL + 700, WALL + 700)
    assert shard.answer(second, 0.5) == []
    assert shard.driver.state.rounds_open == 1
    (decision, _) = shard.answer(first, 0.5, 0.5)
    assert [one.status for one in readings(shard, decision).values()] == ["ok", "ok", "ok"]


@pytest.mark.parametrize(
    "garbage",
    [
        {"outputs": []},
        {"outputs": [0.5]},
        {"outputs": [math.nan, 0.5]},
        {"outputs": [2.0, 0.5]},
        {"status": "error", "outputs": []},
        {"status": "sure", "outputs": [0.5, 0.5]},
        {"version": "v7"},
    ],
    ids=str,
)
def test_a_garbage_answer_is_an_error_and_closes_its_round(garbage: dict[str, Any]) -> None:
    shard = asking()
    (decision, _) = shard.answer(ask(shard), 0.5, 0.5, **garbage)
    assert "degraded:next_purchase" in decision.flags
    assert readings(shard, decision)["next_purchase"].status == "error"
    assert shard.counted("answers")["error", "next_purchase"] == 1


def test_of_a_version_that_was_not_asked_no_more_is_kept_than_a_row_has_room_for() -> None:
    shard = asking()
    (decision, _) = shard.answer(ask(shard), 0.5, 0.5, version="v" * 100_000)
    assert readings(shard, decision)["next_purchase"].version == "v" * 256


def test_a_process_that_has_lost_the_version_answers_cold() -> None:
    shard = asking()
    (decision, _) = shard.answer(ask(shard), status="cold")
    assert "prior:next_purchase" in decision.flags


@pytest.mark.parametrize("change", [{"call_id": "unheard of"}, {"round_id": "unheard of"}])
def test_an_answer_to_no_question_is_an_orphan_and_takes_no_step(change: dict[str, Any]) -> None:
    shard = asking()
    request, step = ask(shard), shard.driver.out.step
    assert shard.answer(request, 0.5, 0.5, **change) == []
    assert shard.counted("answers")["orphan", "next_purchase"] == 1
    assert (shard.driver.state.rounds_open, shard.driver.out.step) == (1, step)


def test_an_answer_that_comes_twice_counts_once() -> None:
    shard = asking()
    request = ask(shard)
    assert len(shard.answer(request, 0.5, 0.5)) == 2
    assert shard.answer(request, 0.5, 0.5) == []
    assert len(shard.said["decisions"]) == 1


def test_live_a_round_closes_at_its_deadline_and_knows_the_late_answer() -> None:
    shard = asking(live=True)
    request = ask(shard, WALL)
    assert shard.pass_time(199) == []
    (decision, _) = shard.pass_time(1)
    assert "degraded:next_purchase" in decision.flags
    assert readings(shard, decision)["next_purchase"].status == "missing"
    (note,) = shard.answer(request, 0.5, 0.5)
    assert note == DecisionNote(
        decision.decision_id, "p", "late_answer", WALL + 200, {"model": "next_purchase", "status": "ok"}
    )
    assert shard.answer(request, 0.5, 0.5) == []
    answers = {kind: number for kind, number in shard.counted("answers").items() if kind[1] == "next_purchase"}
    assert answers == {(status, "next_purchase"): 1 for status in ("missing", "late", "orphan")}


def test_a_late_answer_is_late_after_a_restart_too_and_an_orphan_after_an_hour() -> None:
    shard = asking(live=True)
    first, second = ask(shard, WALL), ask(shard, WALL + 1)
    shard.pass_time(500)
    shard.restart()
    shard.pass_time(propose.LATE_MS - 1)
    assert len(shard.answer(first, 0.5, 0.5)) == 1
    shard.pass_time(1)
    assert shard.answer(second, 0.5, 0.5) == []
    assert shard.driver.state.rounds.keys() != []
    shard.flush()
    assert shard.driver.state.rounds.keys() == []


def test_in_a_history_a_round_waits_as_long_as_its_model_lives() -> None:
    shard = asking()
    request = ask(shard)
    assert request.deadline_at == 0
    for _ in range(10):
        shard.pass_time(9_000)
        shard.beat("next_purchase")
        shard.restart()
    assert shard.said["decisions"] == []
    shard.pass_time(propose.HISTORY_PATIENCE_MS)
    assert "degraded:next_purchase" in shard.said["decisions"][0].flags


def test_in_a_history_a_request_that_a_living_process_has_lost_is_sent_again() -> None:
    shard = asking()
    lost = ask(shard)
    shard.learn(version("next_purchase", "v2"))
    shard.pass_time(propose.HISTORY_PATIENCE_MS - 1)
    shard.beat("next_purchase")
    step = shard.driver.out.step
    (again,) = shard.pass_time(1)
    assert again == lost
    assert shard.driver.out.step == step + 1
    (decision, _) = shard.answer(again, 0.5, 0.5)
    assert "degraded:next_purchase" not in decision.flags
    assert shard.answer(lost, 0.5, 0.5) == []


def test_a_request_for_a_version_that_the_shard_has_forgotten_is_not_sent_again() -> None:
    shard = asking()
    ask(shard)
    shard.learn(*(version("next_purchase", f"v{number}", number) for number in range(2, 2 + propose.VERSIONS_MAX)))
    shard.pass_time(propose.HISTORY_PATIENCE_MS - 1)
    shard.beat("next_purchase")
    (decision, *_) = shard.pass_time(1)
    assert "degraded:next_purchase" in decision.flags


def test_an_open_round_goes_on_after_a_restart() -> None:
    shard = asking()
    request = ask(shard)
    shard.restart()
    assert shard.driver.state.rounds_open == 1
    (decision, _) = shard.answer(request, 0.5, 0.5)
    assert decision.decision_id == request.round_id
    assert shard.driver.state.rounds_open == 0


def test_in_lockstep_nothing_depends_on_the_wall_clock() -> None:
    shard = asking(lockstep=True)
    shard.learn(release("next_purchase", NOW), release("lapse", NOW))
    shard.wall += 60_000
    step = shard.driver.out.step
    shard.beat("next_purchase")
    assert shard.driver.out.step == step
    request = ask(shard)
    assert request.deadline_at == 0
    shard.restart()
    assert shard.driver.wake_at() is None
    assert shard.pass_time(DAY_MS) == []
    assert len(shard.answer(request, 0.5, 0.5)) == 2


def test_answers_for_models_that_nobody_declared_are_orphans_of_one_name() -> None:
    shard = asking()
    ask(shard)
    proposal = Proposal("call", "round", "v1", "ok", [0.5])
    assert shard.give(AnswerInput("unheard_of", proposal)) == shard.give(AnswerInput("made_up", proposal)) == []
    assert {name: n for (status, name), n in shard.counted("answers").items() if status == "orphan"} == {
        propose.UNDECLARED: 2
    }


def test_shared_answers_are_what_they_were() -> None:
    assert (Answer("", "cold", []), Answer("", "missing", [])) == (propose.COLD, propose.DEAD)
