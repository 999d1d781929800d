"""Targets: the bytes of records, numbers and frames."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TypeAlias

import msgspec

import schemas
from agents import raw_events
from agents.codecs.avro import DECODERS, ENCODERS, decode_event, decode_raw_event, decode_routed_event
from agents.codecs.cloudevents import ATTRIBUTES, CONTENT_TYPE, STRUCTURED
from agents.codecs.errors import CAUSES, Undecodable
from agents.codecs.framing import header, refused, schema_of, unframe
from agents.codecs.prefix import event_from_raw, raw_from_routed, routed_from_raw
from agents.codecs.raw import decode_raw
from agents.codecs.varint import read_count, read_instant, read_int, read_long, read_span, write_long
from streams.inputs import RawInput
from streams.records import Origin
from tests.fuzz.shapes import JSON, MSGPACK, avro, avro_seeds
from tests.fuzz.target import Shape, Target, Tree
from tests.records import kafka_record

ORIGIN: Final = Origin("continuo.raw-events.v1", 3, 7, 1_500_000_000_000)
EVENT: Final = {
    "event_id": "e-1", "profile_id": "p-1", "type": "opened", "occurred_at": 1_484_500_000_123, "source": "shop",
    "properties": {"n": 1, "x": 0.5, "s": "text", "b": True, "z": None}, "consent": {"email": True},
    "traceparent": None,
}  # fmt: skip
CLOUD_EVENT: Final = {
    "specversion": "1.0", "id": "e-1", "subject": "p-1", "type": "opened", "time": "2017-01-15T17:06:40.123Z",
    "source": "/shop", "consent": "email=true,sms=false", "datacontenttype": "application/json",
}  # fmt: skip
DATA: Final = {"n": 1, "x": 0.5, "s": "text", "b": True, "z": None}
NAMED: Final = {*EVENT, *ATTRIBUTES, CONTENT_TYPE, "headers", "unknown_field"}


def _refusing(read: Callable[[bytes], object]) -> Callable[[bytes], object]:
    """Have a refusal's cause checked: it is counted by name, so a producer must not be able to make up others."""

    def take(data: bytes) -> None:
        try:
            read(data)
        except Undecodable as refused:
            _judge_cause(refused.cause)
            raise

    return take


def _judge_cause(cause: str) -> None:
    assert cause in CAUSES or cause.removeprefix("invalid:") in NAMED, cause


def _codec(name: str) -> Callable[[bytes], object]:
    decode, encode = DECODERS[name], ENCODERS[name]

    def take(data: bytes) -> None:
        record = decode(data)
        again = encode(record)
        assert repr(decode(again)) == repr(record), "what is written is not what was read"  # a NaN equals nothing
        assert encode(decode(again)) == again

    return _refusing(take)


def _raw(data: bytes) -> None:
    event = decode_raw(data)
    assert repr(decode_raw_event(ENCODERS["raw_event"](event))) == repr(event)


def _structured(data: bytes) -> None:
    _told(data, [(CONTENT_TYPE, STRUCTURED.encode())])


def _binary(data: bytes) -> None:
    """Take a MessagePack array of headers and a value; what is none of these has nothing to say here."""
    try:
        headers, value = msgspec.convert(MSGPACK.to_tree(data), _Record)
    except (ValueError, RecursionError, msgspec.MsgspecError):
        raise refused("json", "not a record") from None
    _told(value, headers)


def _told(value: bytes | None, headers: list[tuple[str, bytes | None]]) -> None:
    """Have what a record with headers says be an event that can be written."""
    (given,) = raw_events.decode(kafka_record(value, headers=headers))
    assert isinstance(given, RawInput)
    assert repr(decode_raw_event(ENCODERS["raw_event"](given.event))) == repr(given.event)


def _structured_seeds() -> list[bytes]:
    data = json.dumps(DATA).encode()
    told = [CLOUD_EVENT | {"data": DATA}, CLOUD_EVENT | {"data_base64": base64.b64encode(data).decode()}, CLOUD_EVENT]
    return [json.dumps(event).encode() for event in told]


def _binary_seeds() -> list[bytes]:
    headers = [[f"ce_{name}", text.encode()] for name, text in CLOUD_EVENT.items() if name != "datacontenttype"]
    typed = [*headers, [CONTENT_TYPE, b"application/json; charset=utf-8"]]
    values = (json.dumps(DATA).encode(), b"null")
    return [MSGPACK.from_tree([told, value]) for told in (headers, typed) for value in values]


def _binary_tree(data: bytes) -> Tree:
    headers, value = MSGPACK.to_tree(data)
    return [headers, JSON.to_tree(value)]


def _binary_back(tree: Tree) -> bytes:
    headers, told = tree
    return MSGPACK.from_tree([headers, JSON.from_tree(told)])


def _prefix(data: bytes) -> None:
    event = decode_raw_event(data)
    accepted = decode_event(event_from_raw(data, 5, "alias"))
    assert (accepted.event_id, accepted.accepted_at, accepted.alias) == (event.event_id, 5, "alias")
    value = routed_from_raw(data, ORIGIN)
    routed = decode_routed_event(value)
    assert repr(routed.event) == repr(event)
    assert routed.origin == ORIGIN
    assert raw_from_routed(value, routed) == data


def _routed(data: bytes) -> None:
    routed = decode_routed_event(data)
    event = decode_raw_event(raw_from_routed(data, routed))
    assert event.profile_id == (routed.event.profile_id if routed.alias is None else routed.alias)


def _frame(data: bytes) -> None:
    name, version = schema_of(data)
    assert version == 1
    assert header(name) + unframe(data, name) == data


def _number(data: bytes) -> None:
    number, end = read_long(data, 0)
    assert read_instant(data, 0) == (number, end)
    assert read_long(write_long(number), 0)[0] == number
    for read in (read_int, read_span, read_count):
        with suppress(Undecodable, IndexError):  # a number of 64 bits may be no length, or none of 32
            read(data, 0)


def _numbers() -> list[bytes]:
    return [write_long(n) for n in (0, -1, 63, 64, 8191, 8192, 1_484_500_000_123, (1 << 63) - 1, -(1 << 63))]


def _json_seeds() -> list[bytes]:
    return [json.dumps(EVENT).encode(), *avro_seeds("raw_event")()]


BINARY: Final = Shape(_binary_tree, _binary_back)
_Record: TypeAlias = tuple[list[tuple[str, bytes | None]], bytes | None]
REFUSALS: Final = (Undecodable,)
_seeds: Final = avro_seeds("raw_event")

TARGETS: Final = [
    *(Target(name, _codec(name), REFUSALS, avro_seeds(name), avro(name)) for name in schemas.NAMES),
    Target("json_event", _refusing(_raw), REFUSALS, _json_seeds, JSON),
    Target("cloud_event_structured", _refusing(_structured), REFUSALS, _structured_seeds, JSON),
    Target("cloud_event_binary", _refusing(_binary), REFUSALS, _binary_seeds, BINARY),
    Target("prefix", _prefix, REFUSALS, _seeds, avro("raw_event")),
    Target("routed_back", _routed, REFUSALS, avro_seeds("routed_event"), avro("routed_event")),
    Target("frame", _frame, REFUSALS, _seeds, size_max=64),
    Target("number", _number, (Undecodable, IndexError), _numbers, size_max=64),
]
