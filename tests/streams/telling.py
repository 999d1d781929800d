"""A life as a text: each record a paragraph, in order of steps, a decision with its reasons; at the end what is kept.

What two logs may differ in is not told: the namespace, the broker's timestamps and, of a live life, what the wall clock
says below an hour. Of a history the bytes are told too, by a digest.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import fields
from functools import partial
from typing import Any, Final

from agents.codecs.avro import DECODERS
from agents.codecs.rows import decode_profile
from agents.vault import PersonalVault
from streams.decision import unpack
from streams.decision.explain import tell
from streams.records import DeadLetter, Decision, Origin, RequestBatch
from streams.topology import TABLES, TOPICS
from tests.builders import HOUR_MS
from tests.streams.contract import step_of
from tests.streams.life import Life
from tests.witness import Seen

SAID: Final = [topic for topic in TOPICS if topic.written_by == "worker" and topic.schema]
STAMPED: Final = ("routed-events", "requests", "dead-letters")  # their bytes hold timestamps of broker and worker
UNTOLD: Final = {
    "evidence", "previous_hash", "hash", "key", "value", "policy_hash", "traceparent", "content", "consent", "headers",
}  # fmt: skip
CLOCK: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d")
AHEAD: Final = re.compile(r"(\d+) ms ahead")


def told(life: Life) -> str:
    """Return all that was said, and what is kept."""
    said = []
    for rank, topic in enumerate(SAID):
        for model in sorted(next(iter(life.book.values())).models) if topic.per_model else [""]:
            noun = f"{topic.noun}.{model}" if model else topic.noun
            for seen in life.stream.records(topic.noun, model):
                place = (*step_of(seen), rank, noun, seen.partition, seen.offset)
                said.append((place, _paragraphs(life, noun, topic.schema, seen)))
    lines = [line for _, paragraphs in sorted(said) for line in paragraphs]
    return "\n".join([*lines, *_kept(life)]) + "\n"


def _paragraphs(life: Life, noun: str, schema: str, seen: Seen) -> list[str]:
    partition, step = step_of(seen)
    where = f" of partition {partition}" if life.stream.settings.partitions > 1 else ""
    record = DECODERS[schema](seen.value or b"")
    lines = []
    for one in record.items if isinstance(record, RequestBatch) else [record]:
        lines += [f"step {step}{where}: {noun}", *_fields(life, one)]
        if not life.live and noun.partition(".")[0] not in STAMPED:
            lines.append(f"    bytes: {_digest(repr(seen[:1] + seen[2:]))}")
        lines += [*_explained(life, one), ""]
    return lines


def _fields(life: Life, record: Any) -> list[str]:
    lines = []
    for name in (field.name for field in fields(record)):
        value = getattr(record, name)
        if name in UNTOLD or value in (None, "", [], {}) or (name, value) == ("deadline_at", 0):
            continue
        if isinstance(record, DeadLetter) and name == "noted_at":
            continue  # the broker's timestamp
        lines.append(f"    {name}: {_shown(life, name, value)}")
    return lines


def _shown(life: Life, name: str, value: Any) -> str:
    if isinstance(value, Origin):
        return f"{value.topic.removeprefix(life.stream.settings.namespace)}/{value.partition} at {value.offset}"
    if not name.endswith("_at"):
        return _blurred(life, str(value))
    after = value - life.begin
    if life.live:
        return f"{round(after / HOUR_MS):+} h"
    return f"{after / HOUR_MS:+.6g} h" if after % HOUR_MS == 0 else f"{after:+} ms"


def _explained(life: Life, record: object) -> list[str]:
    if not isinstance(record, Decision):
        return []
    key = decode_profile(life.stream.durable_rows()[record.partition, b"P" + record.profile_id.encode()]).key
    verdict = unpack(record.evidence, partial(PersonalVault().open, key))
    text = _blurred(life, tell(life.book[record.policy_hash], record, verdict))
    return ["", *(f"    | {line}".rstrip() for line in text.splitlines())]


def _blurred(life: Life, text: str) -> str:
    """Return a text without what a live deployment's clock says below an hour."""
    if not life.live:
        return text
    return AHEAD.sub(lambda found: f"{round(int(found[1]) / HOUR_MS)} h ahead", CLOCK.sub("(now)", text))


def _kept(life: Life) -> list[str]:
    rows = life.stream.durable_rows()
    lines = []
    for number, position in enumerate(life.stream.positions()):
        own = {key: row for (partition, key), row in rows.items() if partition == number}
        counts = Counter(key[:1] for key in own)
        lines.append(f"kept by partition {number} after step {position.step}")
        lines += [f"    {table.name}: {counts[table.code]}" for table in TABLES if counts[table.code]]
        if not life.live:
            lines.append(f"    bytes: {_digest(repr(sorted(own.items())))}")
    return lines


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
