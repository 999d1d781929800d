"""A producer that says a CloudEvent is heard as one that says Avro; what the SDK writes is what we read."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given, settings
from hypothesis import strategies as st

from agents import raw_events
from agents.codecs.cloudevents import CONTENT_TYPE, STRUCTURED
from agents.codecs.errors import Undecodable
from streams.inputs import RawInput
from streams.records import RawEvent
from tests.records import kafka_record

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=20)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.none() | st.booleans() | st.integers(-(1 << 63), (1 << 63) - 1) | FLOATS | TEXT
EVENTS = st.builds(
    RawEvent,
    event_id=TEXT, profile_id=TEXT, type=TEXT, source=TEXT,
    occurred_at=st.integers(0, 4_102_444_800_000),
    properties=st.dictionaries(TEXT, VALUES, max_size=4),
    consent=st.none() | st.dictionaries(st.sampled_from(["email", "sms", "push:news"]), st.booleans(), min_size=1),
    traceparent=st.none(),
)  # fmt: skip
WRITERS = {"binary": to_binary, "structured": to_structured}
TELLING: dict[str, Any] = {
    "specversion": "1.0", "id": "e-1", "source": "shop", "type": "opened", "subject": "p-1",
    "time": "2017-07-14T02:40:00.123Z",
}  # fmt: skip


def said_by_the_sdk(raw: RawEvent, mode: str) -> KafkaMessage:
    attributes: dict[str, Any] = {
        "id": raw.event_id, "source": raw.source, "type": raw.type, "subject": raw.profile_id,
        "time": EPOCH + timedelta(milliseconds=raw.occurred_at), "partitionkey": raw.profile_id, "other": "of no use",
        "datacontenttype": "application/json",
    }  # fmt: skip
    if raw.consent is not None:
        scopes = (f"{scope}={str(is_granted).lower()}" for scope, is_granted in raw.consent.items())
        attributes["consent"] = ",".join(scopes)
    return WRITERS[mode](CloudEvent(attributes, raw.properties), JSONFormat())


def heard(value: bytes | None, headers: dict[str, bytes]) -> RawEvent:
    (told,) = raw_events.decode(kafka_record(value, headers=headers.items()))
    assert isinstance(told, RawInput)
    return told.event


def cause_of(value: bytes | None, headers: dict[str, bytes]) -> str:
    with pytest.raises(Undecodable) as refused:
        heard(value, headers)
    return refused.value.cause


def binary(**changes: bytes | None) -> dict[str, bytes]:
    """Return the headers of an event, with other attributes, or without them."""
    told = {name: text.encode() for name, text in TELLING.items()} | changes
    return {f"ce_{name}": text for name, text in told.items() if text is not None}


def structured(**changes: Any) -> bytes:
    return json.dumps({name: told for name, told in (TELLING | changes).items() if told is not ...}).encode()


@pytest.mark.parametrize("mode", WRITERS)
@settings(deadline=None)
@given(raw=EVENTS)
def test_what_the_sdk_writes_is_heard_as_the_same_event(mode: str, raw: RawEvent) -> None:
    message = said_by_the_sdk(raw, mode)
    assert heard(message.value, message.headers) == raw


def test_both_modes_say_the_same_as_plain_json() -> None:
    plain = {
        "event_id": "e-1", "profile_id": "p-1", "type": "opened", "occurred_at": 1_500_000_000_123, "source": "shop",
        "properties": {"n": 1},
    }  # fmt: skip
    said = heard(json.dumps(plain).encode(), {CONTENT_TYPE: b"application/json"})
    assert heard(b'{"n": 1}', binary()) == said
    kind = {CONTENT_TYPE: b"application/cloudevents+json; charset=UTF-8"}
    assert heard(structured(data={"n": 1}), kind) == said
    assert heard(structured(data_base64="eyJuIjogMX0="), kind) == said
    assert heard(None, binary()).properties == {}


def test_a_trace_is_taken_from_the_extension_and_else_from_the_header() -> None:
    trace, other = (f"00-{digit * 32}-{digit * 16}-01" for digit in "ab")
    assert heard(b"{}", binary(traceparent=trace.encode()) | {"traceparent": other.encode()}).traceparent == trace
    assert heard(b"{}", binary() | {"traceparent": other.encode()}).traceparent == other


@pytest.mark.parametrize("name", ["id", "source", "type", "subject", "time"])
def test_an_attribute_that_is_missing_is_named(name: str) -> None:
    assert cause_of(b"{}", binary(**{name: None})) == f"invalid:{name}"
    assert cause_of(structured(**{name: ...}), {CONTENT_TYPE: STRUCTURED.encode()}) == f"invalid:{name}"


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"specversion": b"0.3"}, "invalid:specversion"),
        ({"time": b"2017-07-14 02:40"}, "invalid:time"),
        ({"time": b"2017-07-14T02:40:00"}, "invalid:time"),
        ({"time": b"1500000000123"}, "invalid:time"),
        ({"consent": b"email"}, "invalid:consent"),
        ({"subject": b"\xff"}, "undecodable:utf8"),
    ],
)
def test_an_attribute_that_says_nothing_is_named(changes: dict[str, bytes], cause: str) -> None:
    assert cause_of(b"{}", binary(**changes)) == cause


@pytest.mark.parametrize(
    ("value", "cause"),
    [
        (b"[1]", "invalid:data"),
        (b'{"a": [1]}', "invalid:data"),
        (b"{", "undecodable:json"),
        (b'{"a": "\xff"}', "undecodable:utf8"),
    ],
)
def test_data_that_are_no_properties_are_refused(value: bytes, cause: str) -> None:
    assert cause_of(value, binary()) == cause
    whole = structured(data="?").replace(b'"?"', value)
    assert cause_of(whole, {CONTENT_TYPE: STRUCTURED.encode()}) == cause


@pytest.mark.parametrize(
    ("kind", "cause"),
    [
        ("application/cloudevents-batch+json", "invalid:content-type"),
        ("application/cloudevents+avro", "invalid:content-type"),
        ("application/cloudevents", "invalid:content-type"),
    ],
)
def test_a_format_that_we_do_not_read_is_named(kind: str, cause: str) -> None:
    assert cause_of(structured(data={}), {CONTENT_TYPE: kind.encode()}) == cause


def test_data_that_are_not_json_are_refused() -> None:
    assert cause_of(b"\0\0", binary() | {CONTENT_TYPE: b"application/avro"}) == "invalid:datacontenttype"
    both = structured(data={}, data_base64="e30=")
    assert cause_of(both, {CONTENT_TYPE: STRUCTURED.encode()}) == "invalid:data_base64"
    assert cause_of(structured(data_base64="?"), {CONTENT_TYPE: STRUCTURED.encode()}) == "invalid:data_base64"
    assert cause_of(None, {CONTENT_TYPE: STRUCTURED.encode()}) == "undecodable:tombstone"


def test_who_forgets_the_header_is_told_which_one() -> None:
    with pytest.raises(Undecodable, match="content-type: application/cloudevents\\+json"):
        heard(structured(data={}), {})


def test_a_header_that_is_no_text_is_none_of_a_plain_event() -> None:
    plain = b'{"event_id": "e", "profile_id": "p", "type": "t", "occurred_at": 1, "source": "s"}'
    assert heard(plain, {CONTENT_TYPE: b"\xff", "other": b"\xff"}).event_id == "e"
