"""Target: what a worker makes of records of any topic it reads, one after the other; nothing ends it.

The bytes are a MessagePack array of records, each [noun, key, value, headers]; as a tree, a value is what it says.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from agents.policy_topic import BUNDLE, CURRENT, bundles_of, canonical
from agents.workers.kinds import HEARTBEAT, heard
from agents.workers.shelf import Shelf
from streams.ids import derive
from streams.policy import bundle_hash
from streams.records import RawEvent
from streams.topology import BY_NOUN, topic_name
from tests.builders import DAY_MS, NOW
from tests.fuzz.shapes import JSON, MSGPACK, avro
from tests.fuzz.target import Shape, Target, Tree
from tests.records import kafka_record
from tests.shard import SMALL, WALL, compiled, plain_policy, raw, version
from tests.stream import Deployment

Said = list[Any]  # noun, key, value, headers

SOURCES: Final = ("raw-events", "routed-events", "proposals", "ticks", "policies", "models")
BUNDLES: Final = (plain_policy(), plain_policy(name="other"))
KNOWN: Final = {policy.hash: policy for policy in map(compiled, BUNDLES)}
RECORDS_MAX: Final = 20
ROUND_MS: Final = 31_000  # longer than a round waits


def _worker(data: bytes) -> None:
    """Let a deployment take the records, go on from its rows, and take one event more."""
    records = _records(data)
    deployment = Deployment(BUNDLES[0], 1)
    deployment.parts.book.by_hash.update(KNOWN)
    deployment.log.run()
    for noun, key, value, headers in records:
        deployment.send(noun, key, value, 0, headers)
    deployment.log.run()
    deployment.log.pass_time(ROUND_MS)
    assert deployment.unread() == []
    _judge_fates(deployment, [value for noun, _, value, _ in records if noun == "raw-events"])
    _judge_sizes(deployment)
    deployment.restart()
    deployment.tell([raw(at=NOW, event_id="last", profile_id="last")])
    assert deployment.unread() == []


def _judge_fates(deployment: Deployment, came: list[bytes | None]) -> None:
    """Have every raw event be accepted, forwarded or a dead letter, and none of them make a stage fail."""
    topic = topic_name("continuo", "raw-events")
    letters = [one for one in deployment.said("dead-letters") if one.origin.topic == topic]
    assert [one.cause for one in letters if one.cause.startswith("internal_error")] == []
    assert Counter(one.value for one in letters if not one.detail.endswith("came from)")) <= Counter(came)
    assert len(letters) <= len(came)


def _judge_sizes(deployment: Deployment) -> None:
    """Have every record that was written fit its topic."""
    for (topic, _), records in deployment.log.log.items():
        noun = topic.removeprefix("continuo.").partition(".")[0]
        if noun not in SOURCES or noun == "routed-events":
            largest = max((len(one.value or b"") + len(one.key or b"") for one in records), default=0)
            assert largest <= BY_NOUN[noun].record_bytes_max, f"a record of {largest} bytes on {noun}"


def _records(data: bytes) -> list[Said]:
    """Return the records that the bytes list; what is none is left out."""
    try:
        told = MSGPACK.to_tree(data)
    except (ValueError, RecursionError, msgspec.MsgspecError):
        return []
    return [*_said(told)][:RECORDS_MAX] if isinstance(told, list) else []


def _said(told: list[Any]) -> Iterator[Said]:
    for one in told:
        if isinstance(one, list) and len(one) == 4 and one[0] in SOURCES:
            noun, key, value, headers = one
            pairs = [tuple(pair) for pair in headers if _is_header(pair)] if isinstance(headers, list) else []
            yield [noun, *(part if isinstance(part, bytes) else None for part in (key, value)), pairs]


def _is_header(pair: object) -> bool:
    return isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str) and isinstance(pair[1], bytes | None)


def _to_tree(data: bytes) -> Tree:
    return [[noun, key, _told(noun, value), [*map(list, headers)]] for noun, key, value, headers in _records(data)]


def _told(noun: str, value: bytes | None) -> Tree:
    if value is None:
        return None
    try:
        return JSON.to_tree(value) if value[:1] == b"{" else avro(BY_NOUN[noun].schema).to_tree(value)
    except Exception:  # noqa: BLE001  # bytes that say nothing are mutated as bytes
        return value


def _from_tree(tree: Tree) -> bytes:
    return MSGPACK.from_tree([[noun, key, _bytes(noun, told), headers] for noun, key, told, headers in tree])


def _bytes(noun: str, told: Tree) -> bytes | None:
    if told is None or isinstance(told, bytes):
        return told
    try:
        return avro(BY_NOUN[noun].schema).from_tree(told)
    except Exception:  # noqa: BLE001  # another tree is said as JSON, which some sources take
        return JSON.from_tree(told)


# seeds


def _seeds() -> list[bytes]:
    return [_from_tree(said) for said in (_life(), _as_json(), _poison())]


def _life() -> list[Said]:
    """Return a person's events and all that answers them."""
    deployment = Deployment(BUNDLES[0], 1)
    deployment.learn(version("next_purchase", calibrated=True))
    deployment.learn(version("next_purchase", "", kind=HEARTBEAT))
    deployment.tell([raw()])
    (question,) = deployment.asked("next_purchase")
    call = {"call_id": question.request.call_id, "round_id": question.request.round_id, "version": "v1", "status": "ok"}
    proposal = {**call, "outputs": [0.3, 0.4], "cost_micro": 1, "latency_ms": 2}
    activation = derive("activation", question.request.round_id, "checkout", "0")
    report = {"activation_id": activation, "decision_id": question.request.round_id, "delivery_channel": "app"}
    told = raw("activation_delivered", NOW + 1, properties=report)
    bundle = BUNDLES[1]
    link = raw("identity_linked", NOW + 2, properties={"canonical_profile_id": "q"})
    return [
        *([*_control("models", one.key, one.value)] for one in deployment.records("models")),
        ["raw-events", b"p", _event(raw(consent={"email": True})), [["trace", b"1"]]],
        ["proposals", None, {"model": "next_purchase", "items": [proposal]}, []],
        ["raw-events", b"p", _event(told), []],
        ["raw-events", b"p", _event(raw("product_purchased", NOW + 3)), []],
        ["policies", BUNDLE + bundle_hash(bundle).encode(), json.loads(canonical(bundle)), []],
        ["policies", CURRENT, bundle_hash(bundle).encode(), []],
        ["raw-events", b"p", _event(link), []],
        ["raw-events", b"p", _event(raw(at=NOW + DAY_MS, traceparent="00-1")), []],
        ["ticks", None, {"ticked_at": NOW + 17 * DAY_MS}, []],
    ]


def _control(noun: str, key: bytes | None, value: bytes | None) -> Said:
    return [noun, key, value, []]


def _event(event: RawEvent) -> dict[str, Any]:
    return {name: getattr(event, name) for name in RawEvent.__slots__}


def _as_json() -> list[Said]:
    return [["raw-events", b"p", JSON.from_tree(_event(raw(at=NOW + n))), []] for n in range(3)]


def _poison() -> list[Said]:
    origin = {"topic": "t", "partition": 0, "offset": 1, "timestamp": 2}
    routed = {"event": _event(raw()), "origin": origin, "alias": "q"}
    poison = ["raw-events", b"p", b"\x07", [["trace", b"1"]]]
    return [poison, ["routed-events", b"p", routed, []], ["ticks", None, None, []]]


# what other processes make of the control topics


def _heard(data: bytes) -> None:
    """Let a model's process hear a version, and answer with it."""
    told = heard(data)
    shelf = Shelf()
    if told is not None:
        shelf.put(told)
        loaded = shelf.get(told.version)
        assert loaded is None or loaded.inputs == len(told.inputs)


def _versions() -> list[bytes]:
    from tests.models import weighted

    return [avro("model_version").from_tree(_fields(weighted("lapse", SMALL.models["lapse"].inputs, ())))]


def _fields(record: Any) -> Any:
    if hasattr(record, "__slots__"):
        return {name: _fields(getattr(record, name)) for name in record.__slots__}
    return record


def _bundles(data: bytes) -> None:
    """Let a process that is no worker read the policies."""
    found, current = bundles_of(
        kafka_record(value, "policies", key=key, timestamp=WALL) for noun, key, value, _ in _records(data) if noun
    )
    assert isinstance(current, str)
    assert all(isinstance(bundle, dict) for bundle in found.values())


TARGETS: Final = [
    Target("worker", _worker, (), _seeds, Shape(_to_tree, _from_tree), size_max=1 << 20),
    Target("heard", _heard, (), _versions, avro("model_version"), size_max=16_384),
    Target("bundles", _bundles, (), _seeds, Shape(_to_tree, _from_tree), size_max=16_384),
]
