"""The applier: one bad record is one dead letter, and leaves no trace in anything else."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

import pytest

from agents.applier import StageFailures
from agents.codecs.avro import DECODERS, ENCODERS
from agents.models import CALIBRATOR_MAX
from agents.raw_events import VALUE_BYTES_MAX
from agents.transport.applier import Output, Turn, WorkerStop
from agents.turn import STEP
from streams import arbitrate, attribute, profile
from streams.ids import fingerprint
from streams.inputs import DueInput, Original
from streams.records import Origin, Proposal, ProposalBatch, RawEvent, Tick
from streams.rows import Profile
from streams.topology import BY_NOUN
from tests.builders import DAY_MS, NOW
from tests.records import RAW, kafka_record, raw_record
from tests.shard import WALL, plain_policy, raw, release, version
from tests.stream import Deployment

STAGES: Final = {"profile": profile, "attribute": attribute, "arbitrate": arbitrate}
Fault = Callable[[str, Callable[[Any], str]], None]


def letters(turn: Turn) -> list[Any]:
    return [DECODERS["dead_letter"](output[3]) for output in turn.outputs if ".dead-letters." in output[0]]


def nouns(turn: Turn) -> list[str]:
    return [output[0].split(".")[1] for output in turn.outputs]


def stamped(output: Output) -> tuple[int, int]:
    ((name, value),) = output[4]
    assert name == "step"
    partition, number = STEP.unpack(value)
    return partition, number


def deployed(**settings: Any) -> Deployment:
    """Return a deployment of one partition that has read its policy; in lockstep no barrier holds it."""
    deployment = Deployment(plain_policy(), 1, **settings)
    for model in ("next_purchase", "lapse") if deployment.settings.lockstep else ():
        deployment.learn(release(model, WALL))
    deployment.log.run()
    return deployment


def asking() -> tuple[Deployment, list[Any]]:
    """Return a deployment that has asked a model once, and the requests."""
    deployment = deployed()
    deployment.learn(version("next_purchase"))
    deployment.learn(version("next_purchase", "", kind="heartbeat"))
    deployment.tell([raw()])
    return deployment, [item for batch in deployment.said("requests", "next_purchase") for item in batch.items]


@pytest.fixture
def fault(monkeypatch: pytest.MonkeyPatch, pure_core: None) -> Fault:
    """Return a function that makes a function of a stage fail, after it has done its work, for whoever is `bomb`."""

    def inject(target: str, who: Callable[[Any], str]) -> None:
        stage, _, name = target.partition(".")
        real = getattr(STAGES[stage], name)

        def failing(*arguments: Any, **named: Any) -> Any:
            result = real(*arguments, **named)
            if who(arguments) == "bomb":
                raise LookupError("no such thing")
            return result

        monkeypatch.setattr(STAGES[stage], name, failing)

    return inject


def test_a_shard_takes_no_events_before_it_has_a_policy() -> None:
    deployment = Deployment(plain_policy(), 1)
    applier = deployment.appliers[0]
    assert applier.is_full()
    assert applier.take(RAW, [raw_record(raw())], WALL).consumed == 0
    deployment.log.run()
    assert not applier.is_full()


def test_every_output_carries_the_step_that_caused_it() -> None:
    turn = deployed().appliers[0].take(RAW, [raw_record(raw()), raw_record(raw(at=NOW + 1), 1)], WALL)
    steps = [stamped(output) for output in turn.outputs]
    assert steps == sorted(steps)
    assert set(steps) == {(0, 2), (0, 3)}
    assert (turn.step, turn.consumed) == (3, 2)


def test_json_becomes_the_same_event_as_avro() -> None:
    event = raw(properties={"basket_id": "b1", "amount": 12.5, "till": 4})
    names = ("event_id", "profile_id", "type", "occurred_at", "source", "properties")
    as_json = kafka_record(json.dumps({name: getattr(event, name) for name in names}).encode())
    turns = [deployed().appliers[0].take(RAW, [record], WALL) for record in (raw_record(event), as_json)]
    assert turns[0].outputs[0] == turns[1].outputs[0]
    assert DECODERS["event"](turns[1].outputs[0][3]).properties == event.properties


@pytest.mark.parametrize("target", ["profile.fold", "attribute.observe", "profile.compute", "arbitrate.arbitrate"])
def test_a_record_on_which_a_stage_fails_leaves_nothing_but_its_dead_letter(target: str, fault: Fault) -> None:
    told: list[tuple[Any, ...]] = []
    events = [raw(at=NOW + at, event_id=str(at), profile_id="p") for at in range(6)]
    bomb = raw(at=NOW + 2, event_id="bomb", profile_id="p", properties={"basket_id": "bomb", "amount": 1.0})
    for bad in (raw_record(bomb, 99), kafka_record(b"\x07", offset=99)):
        deployment = deployed(lockstep=True)
        if bad.value != b"\x07":
            fault(target, _asked_about)
        records = [raw_record(event) for event in events]
        turn = deployment.appliers[0].take(RAW, [*records[:2], bad, *records[2:]], WALL)
        (letter,) = letters(turn)
        rest = [output for output in turn.outputs if ".dead-letters." not in output[0]]
        told.append((letter.cause, rest, deployment.rows[0], turn.changes))
    assert told[0][0] == "internal_error:LookupError"
    assert told[0][1:3] == told[1][1:3]
    assert told[0][3] == told[1][3]


def _asked_about(arguments: tuple[Any, ...]) -> str:
    """Return `bomb` where a stage is given the bomb: as the event, as a round's trigger, or folded into the person."""
    marks: list[object] = []
    for argument in arguments:
        marks += [getattr(argument, "event_id", ""), getattr(argument, "trigger_event_id", "")]
        if isinstance(argument, Profile) and fingerprint("till", "bomb") in argument.seen:
            marks.append("bomb")
    return "bomb" if "bomb" in marks else ""


def test_a_window_that_fails_is_one_dead_letter_and_the_event_that_passed_it_is_accepted(fault: Fault) -> None:
    deployment = deployed()
    deployment.tell([raw(profile_id="bomb", event_id="1"), raw(profile_id="p", event_id="2", at=NOW + 1)])
    deployment.tick(NOW + 15 * DAY_MS)
    fault("attribute.settle", lambda arguments: str(arguments[2]))
    turn = deployment.appliers[0].take(RAW, [raw_record(raw(at=NOW + 17 * DAY_MS, event_id="3"))], WALL)
    (letter,) = letters(turn)
    assert (letter.cause, letter.key) == ("internal_error:LookupError", b"bomb")
    assert letter.origin.topic == "timer"
    closed = ["rewards", "rewards", "retraining", "retraining"]
    assert nouns(turn) == ["dead-letters", *closed, "events", "decisions"]
    assert [stamped(output)[1] for output in turn.outputs] == sorted(stamped(output)[1] for output in turn.outputs)
    deployment.renew(0)
    tick = kafka_record(ENCODERS["tick"](Tick(NOW + 40 * DAY_MS)), "ticks")
    closed_later = deployment.appliers[0].take("continuo.ticks.v1", [tick], WALL)
    assert {output[2] for output in closed_later.outputs} == {b"p"}


def test_an_answer_on_which_a_stage_fails_gives_up_its_round(fault: Fault) -> None:
    deployment, (request,) = asking()
    fault("arbitrate.arbitrate", lambda arguments: "bomb")
    answer = Proposal(request.call_id, request.round_id, request.version, "ok", [0.5, 0.5])
    value = ENCODERS["proposal_batch"](ProposalBatch("next_purchase", [answer, answer]))
    turn = deployment.appliers[0].take("continuo.proposals.v1", [kafka_record(value, "proposals")], WALL)
    (letter,) = letters(turn)
    assert (letter.cause, letter.value) == ("internal_error:LookupError", value)
    assert deployment.appliers[0].driver.state.rounds_open == 0
    assert deployment.appliers[0].fire(WALL + DAY_MS).outputs == []


def test_a_deadline_on_which_a_stage_fails_gives_up_its_round(fault: Fault) -> None:
    deployment, _ = asking()
    fault("arbitrate.arbitrate", lambda arguments: "bomb")
    turn = deployment.appliers[0].fire(WALL + 60_000)
    (letter,) = letters(turn)
    assert letter.origin.topic == "timer"
    assert deployment.appliers[0].driver.state.rounds_open == 0
    assert deployment.appliers[0].wake_at() is None


def test_a_decoder_that_fails_is_a_dead_letter_like_any_other() -> None:
    turn = deployed().appliers[0].take("continuo.models.v1", [kafka_record(b"\x07", "models")], WALL)
    assert [letter.cause for letter in letters(turn)] == ["undecodable:magic"]
    unheard = kafka_record(b"no such hash", "policies", key=b"current")
    turn = deployed().appliers[0].take("continuo.policies.v1", [unheard], WALL)
    assert [letter.cause for letter in letters(turn)] == ["internal_error:KeyError"]


def test_an_output_that_is_too_large_is_a_dead_letter() -> None:
    deployment = deployed()
    numbers = ",".join(f'"n{number}":1e9' for number in range(80_000))  # 12 characters each, 15 bytes in Avro
    properties = '"properties":{"basket_id":"b","amount":1.0,' + numbers + "}"
    names = f'"event_id":"e","profile_id":"p","type":"basket_completed","occurred_at":{NOW},"source":"till"'
    large = f"{{{names},{properties}}}".encode()
    assert len(large) < VALUE_BYTES_MAX
    turn = deployment.appliers[0].take(RAW, [kafka_record(large), raw_record(raw(), 1)], WALL)
    assert [letter.cause for letter in letters(turn)] == ["internal_error:TooLarge"]
    assert nouns(turn) == ["dead-letters", "events", "decisions", "activations"]


def test_a_record_that_is_larger_than_what_comes_of_it_may_be_is_a_dead_letter_with_its_bytes() -> None:
    value = ENCODERS["raw_event"](raw(properties={"basket_id": "b" * VALUE_BYTES_MAX, "amount": 1.0}))
    turn = deployed().appliers[0].take(RAW, [kafka_record(value), raw_record(raw(), 1)], WALL)
    assert [(letter.cause, letter.value) for letter in letters(turn)] == [("undecodable:size", value)]
    assert nouns(turn) == ["dead-letters", "events", "decisions", "activations"]


@pytest.mark.parametrize(
    "bad",
    [
        kafka_record(b"{" * (3 << 20)),
        kafka_record(b"\x07", headers=[("h", b"y" * (1 << 20))] * 3),
        kafka_record(b"\x07" * (3 << 20), "models"),
    ],
    ids=["value", "headers", "model"],
)
def test_a_dead_letter_of_more_than_its_topic_takes_says_where_the_record_is(bad: Any) -> None:
    turn = deployed().appliers[0].take(bad.topic, [bad], WALL)
    (letter,) = letters(turn)
    assert letter.detail.endswith("bytes are too many to be kept here: they are where it came from)")
    assert (letter.key, letter.value, letter.headers) == (None, None, [])
    assert (letter.origin.topic, letter.origin.offset) == (bad.topic, bad.offset)
    assert len(turn.outputs[0][3]) < BY_NOUN["dead-letters"].record_bytes_max


def test_a_header_without_a_value_is_an_empty_one_to_a_dead_letter() -> None:
    turn = deployed().appliers[0].take(RAW, [kafka_record(b"\x07", headers=[("trace", None), ("x", b"1")])], WALL)
    assert [letter.headers for letter in letters(turn)] == [[("trace", b""), ("x", b"1")]]


def test_a_calibrator_or_a_name_for_which_a_row_has_no_room_is_a_dead_letter() -> None:
    long = version("lapse", calibrated=True)
    assert long.calibrator is not None
    long.calibrator.edges_ppb = [*range(CALIBRATOR_MAX + 1)]
    told = [long, version("lapse", "v" * 300), version("l" * 300)]
    records = [kafka_record(ENCODERS["model_version"](one), "models") for one in told]
    turn = deployed().appliers[0].take("continuo.models.v1", records, WALL)
    causes = ["invalid:calibrator", "invalid:version", "invalid:model"]
    assert [letter.cause for letter in letters(turn)] == causes


def test_a_flood_of_failures_stops_the_worker(fault: Fault) -> None:
    deployment = deployed()
    fault("profile.fold", lambda arguments: arguments[1].profile_id)
    records = [raw_record(raw(event_id=str(n), profile_id="bomb" if n % 4 == 0 else "p")) for n in range(1_000)]
    with pytest.raises(WorkerStop, match="250 of 1002 records") as stop:
        deployment.appliers[0].take(RAW, records, WALL)
    assert stop.value.exit_code == 78


def test_what_producers_do_wrong_never_stops_a_worker() -> None:
    turn = deployed().appliers[0].take(RAW, [kafka_record(b"\x07", offset=n) for n in range(1_500)], WALL)
    assert len(letters(turn)) == 1_500


def test_failures_are_forgotten_after_a_minute() -> None:
    failures = StageFailures()
    failures.note(0, 900, 190)
    failures.note(60_001, 1_000, 150)
    failures.note(60_002, 10, 9)
    with pytest.raises(WorkerStop):
        failures.note(60_003, 200, 200)


def test_a_row_that_cannot_be_read_stops_the_worker() -> None:
    deployment = deployed()
    deployment.rows[0][b"Pp"] = b"\xffno row"
    with pytest.raises(WorkerStop, match="Profile") as stop:
        deployment.appliers[0].take(RAW, [raw_record(raw())], WALL)
    assert stop.value.exit_code == 78


def test_a_shard_with_200_open_rounds_takes_no_events_until_one_closes() -> None:
    deployment, (request,) = asking()
    applier = deployment.appliers[0]
    events = [raw_record(raw(at=NOW + 1 + n, event_id=str(n), profile_id=f"p{n % 40}"), n) for n in range(250)]
    turn = applier.take(RAW, events, WALL)
    assert (turn.consumed, applier.is_full()) == (199, True)
    assert applier.take(RAW, events[199:], WALL).consumed == 0
    answer = Proposal(request.call_id, request.round_id, request.version, "ok", [0.5, 0.5])
    value = ENCODERS["proposal_batch"](ProposalBatch("next_purchase", [answer]))
    applier.take("continuo.proposals.v1", [kafka_record(value, "proposals")], WALL)
    assert applier.take(RAW, events[199:], WALL).consumed == 1


def test_in_lockstep_one_open_round_blocks_the_partition() -> None:
    deployment = deployed(lockstep=True)
    deployment.learn(version("next_purchase"))
    deployment.log.run()
    turn = deployment.appliers[0].take(RAW, [raw_record(raw()), raw_record(raw(at=NOW + 1))], WALL)
    assert turn.consumed == 1


@pytest.mark.parametrize("topic", [RAW, "continuo.ticks.v1"])
def test_what_a_barrier_holds_is_not_consumed_and_taken_when_it_is_offered_again(topic: str) -> None:
    deployment = Deployment(plain_policy(), 1, lockstep=True)
    deployment.log.run()
    applier = deployment.appliers[0]
    values = {RAW: [ENCODERS["raw_event"](raw(at=NOW + n, event_id=str(n))) for n in range(3)],
              "continuo.ticks.v1": [ENCODERS["tick"](Tick(NOW + n)) for n in range(3)]}  # fmt: skip
    records = [kafka_record(value, offset=n) for n, value in enumerate(values[topic])]
    turn = applier.take(topic, records, WALL)
    assert (turn.consumed, turn.step, nouns(turn), applier.is_full()) == (0, 2, ["barriers"], True)
    assert turn.changes.keys() == {b"S"}
    turn = applier.take(topic, records, WALL)
    assert (turn.consumed, turn.step, turn.outputs, turn.changes) == (0, 2, [], {})
    for model in ("next_purchase", "lapse"):
        deployment.learn(release(model, NOW))
    deployment.log.run()
    assert not applier.is_full()
    assert applier.take(topic, records, WALL).consumed == 3


def test_what_cannot_be_decoded_is_consumed_although_a_barrier_is_shut() -> None:
    deployment = Deployment(plain_policy(), 1, lockstep=True)
    deployment.log.run()
    deployment.appliers[0].take(RAW, [raw_record(raw())], WALL)
    unheard = kafka_record(b"no such hash", "policies", key=b"current")
    turn = deployment.appliers[0].take("continuo.policies.v1", [unheard], WALL)
    assert (turn.consumed, nouns(turn)) == (1, ["dead-letters"])


def test_a_failure_that_is_no_records_is_a_bug_and_leaves_the_applier() -> None:
    deployment, _ = asking()
    driver = deployment.appliers[0].driver
    driver._apply[DueInput] = lambda given, wall: 1 // (wall - wall)
    with pytest.raises(ZeroDivisionError):
        deployment.appliers[0].fire(WALL + 60_000)


def test_an_original_is_the_record_as_it_came() -> None:
    from agents.applier import original

    record = kafka_record(b"v", offset=3, partition=2, timestamp=9, headers=[("a", b"b")])
    assert original(record) == Original(Origin(RAW, 2, 3, 9), b"key", b"v", [("a", b"b")])


def test_a_person_whose_events_flood_in_is_decided_about_each_time() -> None:
    deployment = deployed()
    events: list[RawEvent] = [raw(at=NOW + n, event_id=str(n)) for n in range(60)]
    deployment.tell(events)
    assert len(deployment.said("decisions")) == 60
