"""Rounds, on both logs: an answer in time is part of the decision, a late one is a note, an orphan is nothing."""

from __future__ import annotations

from typing import Final

import pytest

from streams.records import Decision, RawEvent
from tests.models import weighted
from tests.shard import SMALL
from tests.streams.asking import HASTY, MODEL, PATIENT, answered, trigger
from tests.streams.contract import Deploy, Stream
from tests.witness import Seen

OUTPUTS: Final = ("events", "decisions", "decision-notes", "activations", "dead-letters")


@pytest.fixture(scope="module")
def stream(deploy: Deploy) -> Stream:
    """Return a live deployment that has a version of its model to ask."""
    stream = deploy(PATIENT, partitions=1, mode="live")
    stream.learn(weighted(MODEL, SMALL.models[MODEL].inputs, SMALL.categories))
    stream.beat(MODEL)
    stream.settle()
    return stream


@pytest.fixture
def patient(stream: Stream) -> Stream:
    """Return the deployment, where a round waits as long as a test needs."""
    stream.publish(PATIENT)
    stream.settle()
    return stream


@pytest.fixture
def hasty(stream: Stream) -> Stream:
    """Return the deployment, where a round waits as little as may be."""
    stream.publish(HASTY)
    stream.settle()
    return stream


def decided(stream: Stream, event: RawEvent) -> list[Decision]:
    return [one for one in stream.said("decisions") if one.trigger_event_id == event.event_id]


def world(stream: Stream) -> tuple[object, ...]:
    """Return all that was said and is kept, and how far the steps are."""
    said: dict[str, list[Seen]] = {noun: stream.records(noun) for noun in OUTPUTS}
    return said, stream.durable_rows(), [position.step for position in stream.positions()]


def test_an_answer_in_time_closes_its_round_and_is_part_of_the_decision(patient: Stream) -> None:
    event = trigger(patient)
    patient.tell([event])
    patient.settle(rounds=1)
    assert decided(patient, event) == []
    patient.answer(MODEL, 0, answered(patient.asked(MODEL)[-1]))
    patient.settle()
    (decision,) = decided(patient, event)
    assert (decision.score_micro, decision.flags) == (4_000_000, ["prior:lapse", "prior:basket"])


def test_without_an_answer_a_round_closes_at_its_deadline(hasty: Stream) -> None:
    event = trigger(hasty)
    hasty.tell([event])
    hasty.settle()
    (decision,) = decided(hasty, event)
    assert "degraded:next_purchase" in decision.flags


def test_an_answer_that_comes_after_its_round_became_a_decision_is_a_note(hasty: Stream) -> None:
    event = trigger(hasty)
    hasty.tell([event])
    hasty.settle()
    hasty.restart()
    late = hasty.asked(MODEL)[-1]
    before, notes = decided(hasty, event), len(hasty.said("decision-notes"))
    hasty.answer(MODEL, 0, answered(late))
    hasty.settle()
    assert decided(hasty, event) == before
    (note,) = hasty.said("decision-notes")[notes:]
    assert (note.decision_id, note.profile_id, note.kind) == (late.request.round_id, event.profile_id, "late_answer")
    assert note.details == {"model": MODEL, "status": "ok"}


def test_an_answer_that_came_already_or_that_nobody_asked_for_changes_nothing(patient: Stream) -> None:
    event = trigger(patient)
    patient.tell([event])
    patient.settle(rounds=1)
    question = patient.asked(MODEL)[-1]
    patient.answer(MODEL, 0, answered(question))
    patient.settle()
    before = world(patient)
    patient.answer(MODEL, 0, answered(question), answered(question, call_id="no such call"))
    patient.answer(MODEL, 0, answered(question, round_id="no such round"))
    patient.settle()
    assert world(patient) == before


def test_an_answer_of_another_version_or_without_sense_is_an_error_of_the_model(patient: Stream) -> None:
    for fields in ({"version": "v9"}, {"outputs": [7.0, 0.5]}, {"outputs": [0.5]}, {"status": "error", "outputs": []}):
        event = trigger(patient)
        patient.tell([event])
        patient.settle(rounds=1)
        patient.answer(MODEL, 0, answered(patient.asked(MODEL)[-1], **fields))
        patient.settle()
        (decision,) = decided(patient, event)
        assert "degraded:next_purchase" in decision.flags, fields


def test_bytes_that_are_no_answer_are_parked_and_the_round_waits_on(patient: Stream) -> None:
    event = trigger(patient)
    patient.tell([event])
    patient.settle(rounds=1)
    letters = len(patient.said("dead-letters"))
    patient.send("proposals", None, b"\x07", 0)
    patient.settle(rounds=1)
    assert [one.cause for one in patient.said("dead-letters")[letters:]] == ["undecodable:magic"]
    patient.answer(MODEL, 0, answered(patient.asked(MODEL)[-1]))
    patient.settle()
    assert len(decided(patient, event)) == 1
