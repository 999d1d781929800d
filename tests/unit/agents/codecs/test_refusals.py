"""Bytes that are no record get the cause that says why."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import schemas
from agents.codecs.avro import DECODERS, decode_proposal_batch, decode_raw_event, encode_raw_event, encode_tick
from agents.codecs.errors import CAUSES, Undecodable
from agents.codecs.framing import frame, header, schema_of, unframe
from agents.codecs.raw import decode_raw
from streams.records import ProposalBatch, RawEvent, Tick

RAW = RawEvent("e-1", "p-1", "opened", 1_484_500_000_123, "shop", {"n": 1})
VALUE = encode_raw_event(RAW)
SIZE = len(VALUE)
LONG = b"\xff" * 9 + b"\x02"  # 65 bits


def refusal(decode: Callable[[bytes | None], object], value: bytes | None) -> tuple[str, str]:
    with pytest.raises(Undecodable) as refused:
        decode(value)
    assert str(refused.value) == f"{refused.value.cause}: {refused.value.detail}"
    return refused.value.cause, refused.value.detail


def event(body: bytes) -> bytes:
    return header("raw_event") + body


WRONG: dict[str, tuple[bytes | None, str, str]] = {
    "no value": (None, "tombstone", "there is no value"),
    "no bytes": (b"", "truncated", "expected a header of 5 bytes, came none"),
    "half a header": (b"\x00\x77", "truncated", "expected a header of 5 bytes, came 2"),
    "text": (b"hello", "magic", "expected a first byte 0x00, came 0x68"),
    "an id of nobody": (b"\x00\x00\x00\x00\x07abc", "schema_id", "no schema has the id 7"),
    "another record": (encode_tick(Tick(1)), "schema", "expected raw_event, came tick version 1"),
    "only a header": (event(b""), "truncated", "the bytes end before the record does"),
    "a byte too few": (VALUE[:-1], "truncated", "the bytes end before the record does"),
    "a byte too many": (VALUE + b"\x00", "trailing", f"the record ends after {SIZE} bytes, came {SIZE + 1}"),
    "a negative length": (event(b"\x01"), "length", "a length of -1 at byte 5"),
    "a length far below zero": (event(b"\xff" * 8 + b"\x7f"), "length", "a length of -4611686018427387904 at byte 5"),
    "a length of 65 bits": (event(LONG), "varint", "a number of more than 64 bits at byte 5"),
    "a string that is not UTF-8": (event(b"\x02\xff"), "utf8", "invalid start byte in the string that ends at byte 7"),
    "a letter cut in two": (event(b"\x04\xc3"), "truncated", "the record needs 8 bytes or more, came 7"),
}


@pytest.mark.parametrize("what", WRONG)
def test_it_gets_its_cause(what: str) -> None:
    value, word, detail = WRONG[what]
    for decode in (decode_raw_event, decode_raw):
        assert refusal(decode, value) == (f"undecodable:{word}", detail)


EMPTY = b"\x00" * 3  # event_id, profile_id, type
TAIL = {
    "a count of 2 ** 62 and nothing": (EMPTY + b"\x00\x00" + b"\xfe" * 8 + b"\x7f", "truncated"),
    "a block of a negative size": (EMPTY + b"\x00\x00" + b"\x01\x01", "length"),
    "a property of a sixth type": (EMPTY + b"\x00\x00" + b"\x02\x00\x0a", "union"),
    "a property of a negative type": (EMPTY + b"\x00\x00" + b"\x02\x00\x01", "union"),
    "a boolean of 2": (EMPTY + b"\x00\x00" + b"\x02\x00\x02\x02", "boolean"),
    "half a double": (EMPTY + b"\x00\x00" + b"\x02\x00\x06\x00\x00", "truncated"),
    "an instant of 65 bits": (EMPTY + LONG, "varint"),
    "an optional map of a third kind": (EMPTY + b"\x00\x00\x00" + b"\x04", "union"),
}


@pytest.mark.parametrize("what", TAIL)
def test_it_gets_its_cause_deeper_inside_too(what: str) -> None:
    body, word = TAIL[what]
    assert refusal(decode_raw_event, event(body))[0] == f"undecodable:{word}"


def test_a_partition_of_33_bits_is_refused() -> None:
    body = b"\x00" + b"\x80\x80\x80\x80\x10" + b"\x00\x00"
    assert refusal(DECODERS["request_batch"], header("request_batch") + body) == (
        "undecodable:varint",
        "2147483648 at byte 6 has more than 32 bits",
    )


def test_a_map_in_blocks_with_and_without_their_sizes_is_read_whole() -> None:
    one, two, three = b"\x02a\x04\x02", b"\x02b\x04\x04", b"\x02c\x00"
    body = EMPTY + b"\x00\x00" + b"\x03\x10" + one + two + b"\x02" + three + b"\x00" + b"\x00\x00"
    assert decode_raw_event(event(body)).properties == {"a": 1, "b": 2, "c": None}


def test_an_array_of_no_items_in_no_blocks_is_empty() -> None:
    assert decode_proposal_batch(header("proposal_batch") + b"\x00\x00") == ProposalBatch("", [])


@pytest.mark.parametrize("name", schemas.NAMES)
def test_no_decoder_takes_a_tombstone(name: str) -> None:
    assert refusal(DECODERS[name], None)[0] == "undecodable:tombstone"


def test_a_number_of_too_many_bits_is_not_written() -> None:
    with pytest.raises(OverflowError, match="expected a number of 64 bits, came 9223372036854775808"):
        encode_raw_event(RawEvent("e", "p", "t", 1, "s", {"n": 1 << 63}))


def test_frames_open_and_close() -> None:
    assert unframe(frame("tick", b"body"), "tick") == b"body"
    assert schema_of(frame("tick", b"")) == ("tick", 1)
    assert refusal(lambda value: unframe(value, "event"), frame("tick", b"")) == (
        "undecodable:schema",
        "expected event, came tick version 1",
    )


JSON = {
    "no object": (b"{", "undecodable:json"),
    "an empty object": (b"{}", "invalid:event_id"),
    "half of a pair of surrogates": (b'{"event_id":"\\ud800"}', "undecodable:json"),
    "bytes that are not UTF-8": (b'{"event_id":"\xff"}', "undecodable:utf8"),
    "a field that there is not": (b'{"event_id":"e","consents":{}}', "invalid:unknown_field"),
    "a depth without end": (b'{"properties":' + b"[" * 100_000, "invalid:properties"),
}


@pytest.mark.parametrize("what", JSON)
def test_json_gets_its_cause(what: str) -> None:
    value, cause = JSON[what]
    assert refusal(decode_raw, value)[0] == cause


def test_every_cause_is_told_in_words() -> None:
    assert all(cause.startswith("undecodable:") and words for cause, words in CAUSES.items())
