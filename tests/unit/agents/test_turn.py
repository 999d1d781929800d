"""The encoder: each output as the Kafka record that says it, requests in micro-batches."""

from __future__ import annotations

import pytest

from agents.codecs.avro import DECODERS, ENCODERS
from agents.turn import BATCH_BYTES_MAX, ITEMS_MAX, STEP, Encoder, TooLarge
from streams.inputs import Output
from streams.partition import partition_of
from streams.records import Event, Origin, Request, RoutedEvent
from tests.builders import NOW
from tests.shard import WALL, raw


def request(number: int, features: int = 3) -> Request:
    return Request(f"{number:032x}", f"{number:032x}", "v1", NOW, WALL, [*range(features)])


def asked(encoder: Encoder, count: int, model: str = "m", features: int = 3) -> None:
    for number in range(count):
        assert encoder.encode(Output("requests", model, "p", request(number, features), number)) is None


def accepted(alias: str | None = None) -> Event:
    one = raw()
    return Event(one.event_id, one.profile_id, one.type, NOW, one.source, one.properties, None, None, NOW, alias)


@pytest.mark.parametrize("value", [ENCODERS["raw_event"](raw()), b'{"json": 1}', None])
def test_an_event_is_the_same_bytes_whatever_form_it_came_in(value: bytes | None) -> None:
    encoded = Encoder("shop", 3, 8).encode(Output("events", "", "p", accepted(), 7, value))
    assert encoded is not None
    topic, partition, key, said, headers = encoded
    assert (topic, partition, key) == ("shop.events.v1", None, b"p")
    assert said == ENCODERS["event"](accepted())
    assert headers == [("step", STEP.pack(3, 7))]


@pytest.mark.parametrize("value", [ENCODERS["raw_event"](raw()), b'{"json": 1}', None])
def test_a_routed_event_goes_to_its_owners_partition(value: bytes | None) -> None:
    routed = RoutedEvent(raw(), Origin("shop.raw-events.v1", 3, 9, WALL), None)
    encoded = Encoder("shop", 3, 8).encode(Output("routed-events", "", "p", routed, 7, value))
    assert encoded is not None
    assert encoded[:3] == ("shop.routed-events.v1", partition_of("p", 8), b"p")
    assert encoded[3] == ENCODERS["routed_event"](routed)


def test_requests_are_gathered_by_model_in_the_order_they_were_asked() -> None:
    encoder = Encoder("shop", 3, 8)
    asked(encoder, ITEMS_MAX + 1)
    asked(encoder, 1, "n")
    batches = encoder.batches(9, WALL)
    assert [batch[0] for batch in batches] == ["shop.requests.m.v1"] * 2 + ["shop.requests.n.v1"]
    told = [DECODERS["request_batch"](batch[3]) for batch in batches]
    assert [len(batch.items) for batch in told] == [ITEMS_MAX, 1, 1]
    assert [item.call_id for batch in told[:2] for item in batch.items] == [f"{n:032x}" for n in range(ITEMS_MAX + 1)]
    assert {(batch.reply_partition, batch.requested_at) for batch in told} == {(3, WALL)}
    assert {tuple(batch[4]) for batch in batches} == {(("step", STEP.pack(3, 9)),)}
    assert encoder.batches(10, WALL) == []


def test_a_batch_of_wide_rows_stays_within_its_bytes() -> None:
    encoder = Encoder("shop", 3, 8)
    asked(encoder, 60, features=2_000)
    batches = encoder.batches(9, WALL)
    assert len(batches) > 1
    assert all(len(batch[3]) <= BATCH_BYTES_MAX for batch in batches)


def test_what_is_forgotten_is_not_asked() -> None:
    encoder = Encoder("shop", 3, 8)
    asked(encoder, 2)
    encoder.forget()
    assert encoder.batches(9, WALL) == []


def test_a_record_that_its_topic_does_not_take_is_refused() -> None:
    event = accepted()
    event.event_id = "e" * (1 << 20)
    with pytest.raises(TooLarge, match="for events, at most 1048576"):
        Encoder("shop", 3, 8).encode(Output("events", "", "p", event, 7))
