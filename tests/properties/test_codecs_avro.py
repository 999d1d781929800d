"""Generated codecs agree with fastavro and avro-python3 byte for byte, and refuse what is no record."""

from __future__ import annotations

import io
import json
import math
import struct
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any

import fastavro
import pytest
from avro import io as avro_io
from avro import schema as avro_schema
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import schemas
from agents.codecs.avro import DECODERS, ENCODERS, event_from_raw, routed_from_raw
from agents.codecs.errors import CAUSES, Undecodable
from agents.codecs.framing import frame, header, unframe
from streams.records import Event, Origin, RawEvent, RoutedEvent
from tests.strategies import INSTANTS, RECORDS, TEXTS, records_of

NAMES = pytest.mark.parametrize("name", schemas.NAMES)
QUICK = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))

# avro-python3 writes a bool or an int of a union under the last branch that takes it, as a double for example.
AMBIGUOUS = {"raw_event", "event", "routed_event", "request_batch", "training_example"}


def without_logical_types(schema: Any) -> Any:
    """Return the schema under which an instant is a number, as it is for us, and no datetime."""
    if isinstance(schema, list):
        return [without_logical_types(each) for each in schema]
    if isinstance(schema, dict):
        return {key: without_logical_types(value) for key, value in schema.items() if key != "logicalType"}
    return schema


@cache
def of_fastavro(name: str) -> Any:
    return fastavro.parse_schema(without_logical_types(schemas.load(name)))


@cache
def of_avro(name: str) -> Any:
    return avro_schema.parse(json.dumps(without_logical_types(schemas.load(name))))


def datum(value: Any) -> Any:
    """Return a record as the Avro libraries take it; a tuple is a header."""
    if is_dataclass(value):
        return {field.name: datum(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return {"name": value[0], "value": value[1]}
    if isinstance(value, list):
        return [datum(each) for each in value]
    return value


def read_by_fastavro(name: str, value: bytes) -> Any:
    return fastavro.schemaless_reader(io.BytesIO(unframe(value, name)), of_fastavro(name), None)


@NAMES
@QUICK
@given(data=st.data())
def test_what_is_encoded_is_decoded_and_fastavro_agrees_both_ways(name: str, data: st.DataObject) -> None:
    record = data.draw(records_of(RECORDS[name]))
    value = ENCODERS[name](record)
    assert DECODERS[name](value) == record
    body = io.BytesIO()
    fastavro.schemaless_writer(body, of_fastavro(name), datum(record))
    assert frame(name, body.getvalue()) == value
    assert read_by_fastavro(name, value) == datum(record)


@NAMES
@settings(QUICK, max_examples=10)
@given(data=st.data())
def test_avro_python3_reads_the_same_record_and_writes_the_same_bytes(name: str, data: st.DataObject) -> None:
    record = data.draw(records_of(RECORDS[name]))
    value = ENCODERS[name](record)
    read = avro_io.DatumReader(of_avro(name)).read(avro_io.BinaryDecoder(io.BytesIO(unframe(value, name))))
    assert read == datum(record)
    if name not in AMBIGUOUS:
        body = io.BytesIO()
        avro_io.DatumWriter(of_avro(name)).write(datum(record), avro_io.BinaryEncoder(body))
        assert frame(name, body.getvalue()) == value


def verdict(name: str, value: bytes) -> Any:
    """Return the record that the bytes say, or what is wrong with them; any other error is the test's failure."""
    try:
        return DECODERS[name](value)
    except Undecodable as refused:
        return refused


@NAMES
@QUICK
@given(data=st.data())
def test_bytes_that_end_too_soon_or_too_late_are_refused(name: str, data: st.DataObject) -> None:
    value = ENCODERS[name](data.draw(records_of(RECORDS[name])))
    short = value[: data.draw(st.integers(0, len(value) - 1))]
    with pytest.raises(Undecodable) as refused:
        DECODERS[name](short)
    assert refused.value.cause == "undecodable:truncated"
    with pytest.raises(Undecodable) as refused:
        DECODERS[name](value + data.draw(st.binary(min_size=1, max_size=3)))
    assert refused.value.cause == "undecodable:trailing"


HUGE = b"\xfe" + b"\xff" * 8 + b"\x01"  # the largest number there is


@st.composite
def spoilt(draw: st.DrawFn, value: bytes) -> bytes:
    """Return the bytes of a record after a few accidents, the header left alone."""
    body = bytearray(value[5:])
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(body)))
        end = min(len(body), at + draw(st.integers(0, 3)))
        body[at:end] = draw(st.binary(max_size=3) | st.sampled_from([b"\xff" * 9, HUGE]))
    return value[:5] + bytes(body)


@NAMES
@settings(QUICK, max_examples=50)
@given(data=st.data())
def test_spoilt_bytes_are_refused_with_a_cause_or_mean_what_fastavro_says(name: str, data: st.DataObject) -> None:
    value = data.draw(spoilt(ENCODERS[name](data.draw(records_of(RECORDS[name])))))
    came = verdict(name, value)
    if isinstance(came, Undecodable):
        assert came.cause in CAUSES
        assert came.detail
    else:
        assert repr(read_by_fastavro(name, value)) == repr(datum(came))  # by their words: a NaN equals nothing


@NAMES
@QUICK
@given(noise=st.binary(max_size=60))
def test_noise_is_refused_with_a_cause(name: str, noise: bytes) -> None:
    for value in (noise, header(name) + noise):
        came = verdict(name, value)
        assert isinstance(came, RECORDS[name]) or came.cause in CAUSES


@QUICK
@given(raw=records_of(RawEvent), accepted_at=INSTANTS, alias=st.none() | TEXTS)
def test_an_event_is_its_raw_bytes_and_a_tail(raw: RawEvent, accepted_at: int, alias: str | None) -> None:
    event = Event(**datum(raw), accepted_at=accepted_at, alias=alias)
    assert event_from_raw(ENCODERS["raw_event"](raw), accepted_at, alias) == ENCODERS["event"](event)


@QUICK
@given(raw=records_of(RawEvent), origin=records_of(Origin), alias=st.none() | TEXTS)
def test_a_routed_event_is_its_raw_bytes_and_a_tail(raw: RawEvent, origin: Origin, alias: str | None) -> None:
    routed = routed_from_raw(ENCODERS["raw_event"](raw), origin, alias)
    assert routed == ENCODERS["routed_event"](RoutedEvent(raw, origin, alias))


@QUICK
@given(st.floats(allow_nan=True))
def test_a_number_keeps_its_bits(number: float) -> None:
    raw = RawEvent("e", "p", "t", 1, "s", {"n": number})
    came = DECODERS["raw_event"](ENCODERS["raw_event"](raw)).properties["n"]
    assert struct.pack("<d", came) == struct.pack("<d", number)
    assert math.isnan(came) == math.isnan(number)
