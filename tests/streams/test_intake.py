"""What comes in, on both logs: one fact once, decided where its person lives; what is no event is parked, alone."""

from __future__ import annotations

import itertools
import json
from typing import Any, Final

import pytest

from agents.codecs.avro import ENCODERS
from agents.codecs.framing import HEADER_LENGTH
from agents.workers.shelf import Shelf
from streams.partition import partition_of
from streams.records import Origin, RawEvent, Tick
from streams.topology import TOPICS, topic_name
from tests.builders import DAY_MS, NOW
from tests.models import weighted
from tests.shard import SMALL, plain_policy, raw
from tests.streams.contract import Deploy, Stream, step_of
from tests.witness import Seen

PARTITIONS: Final = 2
MODEL: Final = "next_purchase"
OUTPUTS: Final = [topic for topic in TOPICS if topic.written_by == "worker" and topic.schema]
PLAIN: Final = raw(event_id="no event")
AVRO: Final = ENCODERS["raw_event"](PLAIN)
WRONG: Final[dict[str, list[bytes | None]]] = {
    "undecodable:tombstone": [None],
    "undecodable:magic": [b"\x07hello"],
    "undecodable:schema_id": [b"\x00\x00\x00\x00\x07...."],
    "undecodable:schema": [ENCODERS["tick"](Tick(NOW))],
    "undecodable:truncated": [b"", AVRO[:-3]],
    "undecodable:trailing": [AVRO + b"\x00"],
    "undecodable:json": [b"{"],
    "invalid:event_id": [b'{"event_id": 7}'],
    "invalid:profile_id": [b'{"event_id": "e"}'],
}
"""Values that are no record, by the cause of their dead letters."""

BASKET: Final = {"basket_id": "b1", "amount": 12.5}
REFUSED: Final = {
    "missing:profile_id": raw(profile_id=""),
    "missing:event_id": raw(event_id=""),
    "unknown_event_type": raw("dreamt"),
    "missing:amount": raw(properties={"basket_id": "b1"}),
    "mistyped:basket_id": raw(properties=BASKET | {"basket_id": 7}),
    "mistyped:amount": raw(properties=BASKET | {"amount": "much"}),
    "not_finite:amount": raw(properties=BASKET | {"amount": float("nan")}),
    "out_of_range:amount": raw(properties=BASKET | {"amount": 1e13}),
    "future_time": raw(at=NOW + 8 * DAY_MS),
    "invalid:occurred_at": raw(at=-1),
}
"""Records that are no events, by the cause of their dead letters."""

BAD: Final = [(cause, value) for cause, values in WRONG.items() for value in values] + [
    (cause, ENCODERS["raw_event"](event)) for cause, event in REFUSED.items()
]
_numbers = itertools.count()


@pytest.fixture(scope="module")
def stream(deploy: Deploy) -> Stream:
    """Return a deployment whose model answers, and whose clock stands at NOW in every partition."""
    stream = deploy(plain_policy(), partitions=PARTITIONS, lockstep=True)
    version, shelf = weighted(MODEL, SMALL.models[MODEL].inputs, SMALL.categories), Shelf()
    shelf.put(version)
    stream.learn(version)
    stream.serve(MODEL, shelf)
    stream.tell([basket(partition) for partition in range(PARTITIONS)])
    stream.settle()
    return stream


def basket(partition: int) -> RawEvent:
    """Return a new person's first basket; the person lives in this partition."""
    people = (f"person-{number}" for number in _numbers)
    person = next(name for name in people if partition_of(name, PARTITIONS) == partition)
    return raw(event_id=f"basket of {person}", profile_id=person)


def everything(stream: Stream, *but: str) -> dict[str, list[Seen]]:
    """Return all outputs by topic, without those of the topics named."""
    models = {True: sorted(SMALL.models), False: [""]}
    return {
        f"{topic.noun} {model}": stream.records(topic.noun, model)
        for topic in OUTPUTS
        if topic.noun not in but
        for model in models[topic.per_model]
    }


def steps(stream: Stream) -> list[int]:
    return [position.step for position in stream.positions()]


@pytest.mark.parametrize(("cause", "value"), BAD, ids=[f"{cause} {n}" for n, (cause, _) in enumerate(BAD)])
def test_what_is_no_event_is_parked_as_it_came_and_disturbs_nothing(
    stream: Stream, cause: str, value: bytes | None
) -> None:
    said, rows, (here, there) = everything(stream, "dead-letters"), stream.durable_rows(), steps(stream)
    letters = len(stream.said("dead-letters"))
    stream.send("raw-events", b"a key", value, 0, [("trace", b"1")])
    stream.settle()
    assert everything(stream, "dead-letters") == said
    assert stream.durable_rows() == rows
    assert steps(stream) == [here + 1, there]
    assert len(stream.said("dead-letters")) == letters + 1
    letters_here = zip(stream.said("dead-letters"), stream.records("dead-letters"), strict=True)
    letter, parked = [one for one in letters_here if one[1].partition == 0][-1]
    (sent, *_) = [one for one in reversed(stream.records("raw-events")) if one.partition == 0]
    assert letter.cause == cause
    assert (letter.key, letter.value, letter.headers) == (b"a key", value, [("trace", b"1")])
    topic = topic_name(stream.settings.namespace, "raw-events")
    assert letter.origin == Origin(topic, 0, sent.offset, letter.noted_at)
    assert (parked.partition, step_of(parked)) == (0, (0, here + 1))


def test_an_event_in_the_midst_of_what_is_none_is_decided(stream: Stream) -> None:
    event = basket(0)
    for _, value in BAD:
        stream.send("raw-events", None, value, 0)
    stream.tell([event])
    for _, value in BAD:
        stream.send("raw-events", None, value, 0)
    stream.settle()
    assert [one.event_id for one in stream.said("events")].count(event.event_id) == 1
    (decision,) = [one for one in stream.said("decisions") if one.trigger_event_id == event.event_id]
    assert decision.flags == ["prior:lapse", "prior:basket"]


@pytest.mark.parametrize(
    ("noun", "key", "cause"),
    [("models", b"next_purchase/x", "undecodable:magic"), ("policies", b"bundle/x", "internal_error:JSONDecodeError")],
)
def test_what_says_nothing_on_a_control_topic_is_a_dead_letter_of_every_shard_and_ends_nobody(
    stream: Stream, noun: str, key: bytes, cause: str
) -> None:
    before, after = basket(0), basket(1)
    stream.send(noun, key, b"\x07nothing")
    stream.tell([before])
    stream.settle()
    stream.restart()  # who starts reads it again, before there is any shard
    stream.tell([after])
    stream.settle()
    topic = topic_name(stream.settings.namespace, noun)
    letters = [one for one in stream.said("dead-letters") if one.origin.topic == topic]
    assert [(one.cause, one.value) for one in letters] == [(cause, b"\x07nothing")] * PARTITIONS
    decided = {one.trigger_event_id for one in stream.said("decisions")}
    assert {before.event_id, after.event_id} <= decided


def as_avro(event: RawEvent) -> bytes:
    return ENCODERS["raw_event"](event)


def as_json(event: RawEvent) -> bytes:
    names = ("event_id", "profile_id", "type", "occurred_at", "source", "properties")
    return json.dumps({name: getattr(event, name) for name in names}).encode()


@pytest.mark.parametrize("partition", range(PARTITIONS))
@pytest.mark.parametrize("encode", [as_avro, as_json])
def test_an_event_that_comes_again_counts_once_whatever_its_key_form_and_partition(
    stream: Stream, partition: int, encode: Any
) -> None:
    event = basket(0)
    stream.tell([event])
    stream.settle()
    said, rows, before = everything(stream, "routed-events"), stream.durable_rows(), steps(stream)
    for key in (event.profile_id.encode(), b"another key", None):
        stream.send("raw-events", key, encode(event), partition)
    stream.settle()
    assert everything(stream, "routed-events") == said
    assert stream.durable_rows() == rows
    detours = 3 * partition
    assert steps(stream) == [before[0] + 3, before[1] + detours]


def test_a_misplaced_event_is_forwarded_as_its_producer_wrote_it_and_decided_where_its_person_lives(
    stream: Stream,
) -> None:
    event = basket(1)
    stream.tell([event], partition=0)
    stream.settle()
    (place,) = [n for n, one in enumerate(stream.said("routed-events")) if one.event == event]
    routed = stream.records("routed-events")[place]
    (place,) = [n for n, one in enumerate(stream.said("events")) if one.event_id == event.event_id]
    accepted = stream.records("events")[place]
    (decision,) = [one for one in stream.said("decisions") if one.profile_id == event.profile_id]
    assert (routed.partition, step_of(routed)[0]) == (1, 0)
    assert (accepted.partition, step_of(accepted)[0], decision.partition) == (1, 1, 1)
    assert (accepted.value or b"")[HEADER_LENGTH:].startswith(as_avro(event)[HEADER_LENGTH:])


def linked(stream: Stream) -> tuple[str, str]:
    """Return a person of partition 0, and an alias of theirs that lives in partition 1."""
    person, cookie = basket(0).profile_id, basket(1).profile_id
    link: dict[str, Any] = {"canonical_profile_id": person}
    stream.tell([raw("identity_linked", event_id=f"link of {cookie}", profile_id=cookie, properties=link)])
    stream.settle()
    return person, cookie


@pytest.mark.parametrize("is_alias", [False, True])
def test_an_event_that_is_refused_after_a_detour_is_parked_as_its_producer_sent_it(
    stream: Stream, is_alias: bool
) -> None:
    name = linked(stream)[1] if is_alias else basket(1).profile_id
    dream = raw("dreamt", event_id=f"dream of {name}", profile_id=name)
    stream.tell([dream], partition=0)
    stream.settle()
    letter = next(one for one in stream.said("dead-letters") if one.value == as_avro(dream))
    sent = next(one for one in stream.records("raw-events") if one.value == as_avro(dream))
    assert letter.cause == "unknown_event_type"
    assert (letter.origin.partition, letter.origin.offset) == (0, sent.offset)


def test_an_alias_leads_to_its_person_from_wherever_it_is_met(stream: Stream) -> None:
    person, cookie = linked(stream)
    visits = [raw(event_id=f"visit {n} of {cookie}", profile_id=cookie) for n in range(PARTITIONS)]
    for partition, visit in enumerate(visits):
        stream.tell([visit], partition)
        stream.settle()
    for visit in visits:
        (event,) = [one for one in stream.said("events") if one.event_id == visit.event_id]
        (decision,) = [one for one in stream.said("decisions") if one.trigger_event_id == visit.event_id]
        assert (event.profile_id, event.alias) == (person, cookie)
        assert (decision.profile_id, decision.partition) == (person, 0)


def test_a_policy_published_in_the_middle_switches_between_two_steps(stream: Stream) -> None:
    first, second = basket(0), basket(0)
    before = stream.publish(plain_policy())
    stream.settle()
    stream.tell([first])
    stream.settle()
    there = steps(stream)[0]
    after = stream.publish(plain_policy(holdout={"share": 1, "seed": "s"}))
    stream.settle()
    assert steps(stream)[0] == there + 1
    stream.tell([second])
    stream.settle()
    stream.publish(plain_policy())
    stream.settle()
    hashes = {one.trigger_event_id: (one.policy_hash, one.source) for one in stream.said("decisions")}
    assert hashes[first.event_id] == (before, "best")
    assert hashes[second.event_id] == (after, "holdout")


def test_every_output_carries_its_step_and_those_of_a_topic_rise(stream: Stream) -> None:
    last = steps(stream)
    seen: list[tuple[int, int]] = []
    for topic, records in everything(stream, "routed-events").items():
        for partition in range(PARTITIONS):
            numbers = [step_of(one) for one in records if one.partition == partition]
            assert numbers == sorted(numbers), topic
            assert {number for number, _ in numbers} <= {partition}
            seen += numbers
    assert seen
    assert all(1 <= number <= last[partition] for partition, number in seen)


def test_a_trace_that_a_header_names_is_that_of_the_activation_by_whatever_way_it_came(stream: Stream) -> None:
    traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    person = f"traced-{next(_numbers)}"
    home = partition_of(person, PARTITIONS)
    for number, partition in enumerate((home, 1 - home)):
        event = raw(at=NOW + number, event_id=f"{person}-{number}", profile_id=f"{person}")
        value = ENCODERS["raw_event"](event)
        stream.send("raw-events", person.encode(), value, partition, [("traceparent", traceparent.encode())])
        stream.settle()
    events = [event for event in stream.said("events") if event.profile_id == person]
    assert [event.traceparent for event in events] == [traceparent] * 2
    activations = [one for one in stream.said("activations") if one.profile_id == person]
    assert {one.traceparent for one in activations} == {traceparent}
