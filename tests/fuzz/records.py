"""Targets: the bytes of records, numbers and frames."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import schemas
from agents.codecs.avro import DECODERS, ENCODERS, decode_event, decode_raw_event, decode_routed_event
from agents.codecs.errors import CAUSES, Undecodable
from agents.codecs.framing import header, schema_of, unframe
from agents.codecs.prefix import event_from_raw, raw_from_routed, routed_from_raw
from agents.codecs.raw import decode_raw
from agents.codecs.varint import read_count, read_instant, read_int, read_long, read_span, write_long
from streams.records import Origin
from tests.fuzz.shapes import JSON, avro, avro_seeds
from tests.fuzz.target import Target

ORIGIN: Final = Origin("continuo.raw-events.v1", 3, 7, 1_500_000_000_000)
EVENT: Final = {
    "event_id": "e-1", "profile_id": "p-1", "type": "opened", "occurred_at": 1_484_500_000_123, "source": "shop",
    "properties": {"n": 1, "x": 0.5, "s": "text", "b": True, "z": None}, "consent": {"email": True},
    "traceparent": None,
}  # fmt: skip


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
    assert cause in CAUSES or cause.removeprefix("invalid:") in {*EVENT, "unknown_field"}, cause


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


REFUSALS: Final = (Undecodable,)
_seeds: Final = avro_seeds("raw_event")

TARGETS: Final = [
    *(Target(name, _codec(name), REFUSALS, avro_seeds(name), avro(name)) for name in schemas.NAMES),
    Target("json_event", _refusing(_raw), REFUSALS, _json_seeds, JSON),
    Target("prefix", _prefix, REFUSALS, _seeds, avro("raw_event")),
    Target("routed_back", _routed, REFUSALS, avro_seeds("routed_event"), avro("routed_event")),
    Target("frame", _frame, REFUSALS, _seeds, size_max=64),
    Target("number", _number, (Undecodable, IndexError), _numbers, size_max=64),
]
