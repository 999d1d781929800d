"""What a deployment's topics say, decoded without a line of its code: fastavro on the schemas' files."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, Final

import fastavro
import msgspec

import schemas
from tests.witness import Seen

STEP: Final = struct.Struct(">iq")  # partition, step
PER_MODEL: Final = ("requests", "retraining")
CONTROL: Final = ("models",)  # of one partition
SCHEMAS: Final = {
    "routed-events": "routed_event",
    "events": "event",
    "requests": "request_batch",
    "proposals": "proposal_batch",
    "decisions": "decision",
    "decision-notes": "decision_note",
    "activations": "activation",
    "outcomes": "outcome",
    "rewards": "reward",
    "retraining": "training_example",
    "dead-letters": "dead_letter",
    "models": "model_version",
    "ticks": "tick",
}
SHARD_SAYS: Final = ("routed-events", "events", "requests", "decisions", "decision-notes", "activations", "outcomes",
                     "rewards", "retraining", "dead-letters")  # fmt: skip


@dataclass(frozen=True)
class Said:
    """One record of a topic, decoded."""

    topic: str
    partition: int  # of Kafka
    offset: int
    key: bytes | None
    shard: int  # that said it, from the step header; -1 = no shard did
    step: int
    told: dict[str, Any]


@dataclass
class Log:
    """All committed records of a deployment."""

    raw: list[Seen] = field(default_factory=list)  # raw-events, as bytes
    changelog: list[Seen] = field(default_factory=list)
    said: dict[str, list[Said]] = field(default_factory=dict)  # by noun, in order of (partition, offset)

    def told(self, noun: str) -> list[dict[str, Any]]:
        """Return the decoded records of a topic."""
        return [one.told for one in self.said[noun]]


    def rows(self, code: bytes) -> dict[tuple[int, str], list[Any]]:
        """Return the rows of a table that the changelog leaves, by partition and key; each an array of its fields."""
        last = {(seen.partition, seen.key): seen.value for seen in self.changelog if (seen.key or b"")[:1] == code}
        return {
            (partition, (key or b"")[1:].decode()): msgspec.msgpack.decode(value[1:])
            for (partition, key), value in last.items()
            if value is not None
        }


Read = Callable[[str, str, int], list[Seen]]  # (noun, model, partitions) -> what stands in that topic


def read_log(read: Read, partitions: int, models: list[str]) -> Log:
    """Read every topic of a deployment whole."""
    log = Log(read("raw-events", "", partitions), read("changelog", "", partitions))
    for noun, schema in SCHEMAS.items():
        count = 1 if noun in CONTROL else partitions
        found = [
            (model, seen) for model in (models if noun in PER_MODEL else [""]) for seen in read(noun, model, count)
        ]
        topics = [(f"{noun}.{model}" if model else noun, seen) for model, seen in found]
        log.said[noun] = [_said(topic, seen, schema) for topic, seen in topics if seen.value is not None]
    return log


def _said(topic: str, seen: Seen, schema: str) -> Said:
    header = dict(seen.headers).get("step")
    shard, step = STEP.unpack(header) if header is not None else (-1, -1)
    return Said(topic, seen.partition, seen.offset, seen.key, shard, step, decode(seen.value or b"", schema))


def decode(value: bytes, schema: str) -> dict[str, Any]:
    """Return the record that framed bytes say; fails where they are no such record, whole and nothing more."""
    assert value[0] == 0, value[:8]
    assert int.from_bytes(value[1:5], "big") == schemas.schema_id(schema), value[:8]
    body = BytesIO(value[5:])
    told = fastavro.schemaless_reader(body, _parsed(schema), None)
    assert not body.read(1)
    assert isinstance(told, dict)
    return told


_PARSED: dict[str, Any] = {}


def _parsed(schema: str) -> Any:
    if schema not in _PARSED:
        _PARSED[schema] = fastavro.parse_schema(_plain(schemas.load(schema)))
    return _PARSED[schema]


def _plain(schema: Any) -> Any:
    """Return the schema without logical types: instants stay the integers they are."""
    if isinstance(schema, dict):
        return {name: _plain(value) for name, value in schema.items() if name != "logicalType"}
    return [_plain(one) for one in schema] if isinstance(schema, list) else schema
