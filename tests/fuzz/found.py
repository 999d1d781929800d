"""What fuzzing has found: inputs that once ended a process, hung it or made it say something else than it should."""

from __future__ import annotations

from typing import Final

from tests.fuzz.records import EVENT
from tests.fuzz.shapes import MSGPACK, avro

DEEP: Final = b"\x91" * 5_000 + b"\xc0"  # MessagePack: arrays in each other

FOUND: Final[dict[str, dict[str, bytes]]] = {
    "row_profiles": {"arrays without end": b"\x01" + DEEP, "a map": b"\x01\x83\xa1a\x01\xa1b\x02\xa1c\x03"},
    "row_rounds": {"arrays without end": b"\x01" + DEEP},
    "row_contacts": {"a map": b"\x01\x81\xa1a\x01"},
    "row_open_decisions": {"a map": b"\x01\x81\xa1~\x80", "arrays without end": b"\x01" + DEEP},
    "row_models": {"a text": b"\x01\xa3abc"},
    "row_shard": {"a text": b"\x01\xa3abc"},
    "cloud_event_structured": {
        "Base64 that is no ASCII": '{"specversion": "1.0", "id": "", "subject": "", "type": "", "source": "", '
        '"time": "2017-01-15T17:06:40Z", "data_base64": "\u00e9"}'.encode(),
    },
    "personal_key": {
        "a zone that is no text": b"\x01\x93\xa1\xff\xa0\xc4\x00",
        "arrays without end behind the key": b"\x01\x94\xa1a\xa0\xc4\x00" + DEEP,
    },
    "evidence": {"arrays without end": b"\x01" + DEEP, "a map": b"\x01\x80"},
    "member": {
        "nothing": b"",
        "a partition that is none": b"\x92\x05\x92\x01\xff",
        "a partition that is no number": b"\x92\x05\x92\xc4\x01{\x01",
    },
    "policy_files": {
        "aliases of aliases": b"a: &a [1,1,1,1,1,1,1,1,1,1]\n"
        + b"".join(b"%c: &%c [%s]\n" % (n, n, b",".join([b"*%c" % (n - 1)] * 10)) for n in range(98, 106)),
        "aliases in each other": b"a0: &a0 [1]\n"
        + b"".join(b"a%d: &a%d [*a%d]\n" % (n, n, n - 1) for n in range(1, 900)),
        "brackets without end": b"a: " + b"[" * 2_000,
        "a number without end": b"a: " + b"9" * 5_000,
        "half of a pair of surrogates": b'name: "\\ud800"\n',
        "a key that is half of a pair of surrogates": b'"\\udc00": 1\n',
    },
    "condition": {"what Python warns of": b"1if recency_d<3else 2", "minuses": b"-" * 400 + b"recency_d < 5"},
    "settings": {
        "no text": b'namespace = "\xff"',
        "a number without end": b"partitions = " + b"9" * 5_000,
        "a number without end in hex": b"partitions = 0x" + b"f" * 5_000,
        "brackets without end": b"partitions = " + b"[" * 5_000,
        "a path that no file system has": b'home = "\\u0000"',
        "digits of another script": 'broker = "a:\u0661\u0662"'.encode(),
    },
    "worker": {
        "a header without a value": MSGPACK.from_tree([["raw-events", b"k", b"\x07", [["trace", None]]]]),
        "an event whose header says no trace": MSGPACK.from_tree(
            [["raw-events", b"p", avro("raw_event").from_tree(EVENT), [["traceparent", None]]]]
        ),
        "more than a dead letter holds": MSGPACK.from_tree([["raw-events", b"k", b"{" * (3 << 20), []]]),
        "more headers than a dead letter holds": MSGPACK.from_tree(
            [["raw-events", b"k", b"\x07", [["h", b"y" * (1 << 20)]] * 3]]
        ),
        "a version that is none and larger than a dead letter": MSGPACK.from_tree(
            [["models", b"k", b"\x07" * (3 << 20), []]]
        ),
    },
    "bundles": {
        "no key": MSGPACK.from_tree([["policies", None, b"{}", []]]),
        "a key that is no text": MSGPACK.from_tree([["policies", b"bundle/\xff", b"{}", []]]),
        "a bundle that is no JSON": MSGPACK.from_tree([["policies", b"bundle/x", b"{", []]]),
        "a bundle without end": MSGPACK.from_tree([["policies", b"bundle/x", b"[" * 100_000, []]]),
        "a bundle that is none": MSGPACK.from_tree([["policies", b"bundle/x", b"[]", []]]),
        "a hash that is no text": MSGPACK.from_tree([["policies", b"current", b"\xff", []]]),
    },
}
