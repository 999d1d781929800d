"""A producer that says JSON is heard as one that says Avro."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from agents.codecs.avro import encode_raw_event
from agents.codecs.errors import CAUSES, Undecodable
from agents.codecs.raw import decode_raw
from streams.records import RawEvent
from tests.strategies import records_of

FIELDS = ("event_id", "profile_id", "type", "occurred_at", "source", "properties", "consent", "traceparent")
INFINITE = {float("inf"), float("-inf")}  # that JSON has no words for
FINITE = records_of(RawEvent).filter(lambda raw: not INFINITE.intersection(raw.properties.values()))


def to_json(raw: RawEvent, **changes: object) -> bytes:
    said = {name: getattr(raw, name) for name in FIELDS} | changes
    return json.dumps(said).encode()


def verdict(value: bytes) -> RawEvent | Undecodable:
    """Return the event that the bytes say, or what is wrong with them; any other error is the test's failure."""
    try:
        return decode_raw(value)
    except Undecodable as refused:
        return refused


@settings(deadline=None)
@given(FINITE)
def test_json_and_avro_are_the_same_record(raw: RawEvent) -> None:
    assert decode_raw(to_json(raw)) == decode_raw(encode_raw_event(raw)) == raw


@settings(deadline=None)
@given(FINITE, st.sampled_from(FIELDS), st.sampled_from([[], [1], {"a": [1]}, 1 << 64, "2017-01-01T00:00:00Z"]))
def test_a_mistyped_field_is_named(raw: RawEvent, field: str, value: object) -> None:
    came = verdict(to_json(raw, **{field: value}))
    if isinstance(came, Undecodable):
        assert came.cause == f"invalid:{field}"
    else:
        assert getattr(came, field) == value
        assert isinstance(value, str)


@settings(deadline=None)
@given(FINITE, st.data())
def test_spoilt_json_is_refused_with_a_cause(raw: RawEvent, data: st.DataObject) -> None:
    value = to_json(raw)
    at = data.draw(st.integers(1, len(value)))
    spoilt = value[:at] + data.draw(st.binary(max_size=3)) + value[at + data.draw(st.integers(0, 3)) :]
    came = verdict(spoilt)
    if isinstance(came, Undecodable):
        assert came.cause in CAUSES or came.cause.startswith("invalid:")
    else:
        assert decode_raw(encode_raw_event(came)) == came
