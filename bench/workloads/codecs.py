"""Codecs: what reading and writing a record costs, beside fastavro and avro-python3.

fastavro and avro-python3 read into dicts and write from dicts, which spares them the making of our records.
"""

from __future__ import annotations

import io
import json
import time
import timeit
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any

import fastavro
from avro import io as avro_io
from avro import schema as avro_schema

import schemas
from agents.codecs import avro, rows
from bench import report
from bench.rounds import Plan
from streams import records as r
from streams.rows import Profile

NOW = 1_484_500_000_123
HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
TURN_S = 0.1  # a measurement lasts at least this long; the best of five counts

PURCHASE: dict[str, r.Value] = {
    "category": "SOUP",
    "product_id": "1082185",
    "quantity": 2,
    "amount": 3.98,
    "basket_id": "31198570044",
}
FEATURES: list[r.Feature] = [3, 12_400_000, 4, None, True, "gold", *range(0, 6_000, 300)]


def examples() -> dict[str, Any]:
    """Return a record of each kind as the demo has them."""
    raw = r.RawEvent("pos-31198570044-7", "household-1804", "product_purchased", NOW, "pos", dict(PURCHASE))
    event = r.Event(**datum(raw), accepted_at=NOW, alias=None)
    request = r.Request(HASH[:32], HASH[:32], "2017-03-31", NOW, NOW, FEATURES)
    proposal = r.Proposal(HASH[:32], HASH[:32], "2017-03-31", "ok", [index / 40 for index in range(20)], None, 0, 3)
    activation = r.Activation(
        *(HASH[:32], HASH[32:], "household-1804", "soup_off", "soup_off.email", "email"),
        *({"subject": "Soup week", "body": "10 % off"}, NOW, NOW, NOW, HASH, None),
    )
    decision = r.Decision(
        *(HASH[:32], "household-1804", "checkout", "basket_completed", "pos-31198570044", NOW, NOW, NOW, 3, 48_112),
        *(HASH, "best", "soup_off", "soup_off.email", "email", HASH[:32], None, None, 812_345, 4_080_218_931),
        *(1_234_567_890, [], bytes(range(256)) * 4, bytes(32), bytes(32)),
    )
    reward = r.Reward(
        *(HASH[:32], HASH[32:], "household-1804", "purchase", 2, "final", "soup_off", False),
        *(4_080_218_931, 1, 1_990_000, NOW, NOW),
    )
    training = r.TrainingExample(
        *(HASH[:32], "next_purchase", "2017-03-31", HASH[32:], "household-1804", "SOUP", "soup_off", False),
        *(4_080_218_931, FEATURES, 0.031, 1.0, NOW, NOW, HASH),
    )
    outcome = r.Outcome(HASH[:32], "household-1804", "purchase", NOW, HASH[32:], HASH[:32], None, "SOUP", 3_980_000)
    return {
        "raw_event": raw,
        "event": event,
        "routed_event": r.RoutedEvent(raw, r.Origin("continuo.raw-events.v1", 3, 481_120, NOW), None),
        "request_batch": r.RequestBatch("next_purchase", 3, NOW, [request] * 32),
        "proposal_batch": r.ProposalBatch("next_purchase", [proposal] * 32),
        "decision": decision,
        "activation": activation,
        "outcome": outcome,
        "reward": reward,
        "training_example": training,
    }


def profile() -> Profile:
    """Return a profile of about 2 KB."""
    seen = {(index + 1) * 0x9E37_79B9_7F4A_7C15 % (1 << 64): NOW + index for index in range(48)}
    series = {f"series_{index}": [NOW + 3_600_000 * step for step in range(18)] for index in range(9)}
    return Profile("America/New_York", "event", bytes(32), {"email": [1, NOW]}, [], seen, series)


def microseconds(work: Callable[[], object]) -> float:
    """Return the processor time of one call, the best of five measurements."""
    timer = timeit.Timer(work, timer=time.process_time)
    turns, taken = 1, 0.0
    while taken < TURN_S:
        turns *= 4
        taken = timer.timeit(turns)
    return min(timer.repeat(5, turns)) / turns * 1e6


def datum(value: Any) -> Any:
    """Return a record as the Avro libraries take it."""
    if is_dataclass(value):
        return {field.name: datum(getattr(value, field.name)) for field in fields(value)}
    return [datum(each) for each in value] if isinstance(value, list) else value


def plain(schema: Any) -> Any:
    """Return the schema without logical types: instants as numbers, as ours are."""
    if isinstance(schema, list):
        return [plain(each) for each in schema]
    if isinstance(schema, dict):
        return {key: plain(value) for key, value in schema.items() if key != "logicalType"}
    return schema


def row(name: str, record: Any) -> list[str]:
    """Return one line of the table."""
    value = avro.ENCODERS[name](record)
    body, said = value[5:], datum(record)
    schema = plain(schemas.load(name))
    parsed, old = fastavro.parse_schema(schema), avro_schema.parse(json.dumps(schema))
    reader, writer = avro_io.DatumReader(old), avro_io.DatumWriter(old)
    return [
        name,
        f"{len(value):,}",
        *(
            f"{microseconds(work):,.1f}"
            for work in (
                lambda: avro.DECODERS[name](value),
                lambda: fastavro.schemaless_reader(io.BytesIO(body), parsed, None),
                lambda: reader.read(avro_io.BinaryDecoder(io.BytesIO(body))),
                lambda: avro.ENCODERS[name](record),
                lambda: fastavro.schemaless_writer(io.BytesIO(), parsed, said),
                lambda: writer.write(said, avro_io.BinaryEncoder(io.BytesIO())),
            )
        ),
    ]


def run(plan: Plan) -> None:
    """Measure and publish the tables."""
    lines = [
        "Processor time in µs, the best of five; a request batch and a proposal batch have 32 items.",
        "",
        "| record | bytes | read µs | fastavro | avro-python3 | write µs | fastavro | avro-python3 |",
        "|---|---|---|---|---|---|---|---|",
    ]
    chosen = [*examples().items()][: 2 if plan.quick else None]
    lines += [f"| {' | '.join(row(name, record))} |" for name, record in chosen]
    raw = avro.encode_raw_event(examples()["raw_event"])
    copied = microseconds(lambda: avro.event_from_raw(raw, NOW))
    lines += ["", f"An event from the bytes of its raw event: {copied:.1f} µs."]
    known = profile()
    kept = rows.encode_row(known)
    read, write = microseconds(lambda: rows.decode_profile(kept)), microseconds(lambda: rows.encode_row(known))
    lines += [f"A profile row of {len(kept):,} bytes: read {read:.1f} µs, write {write:.1f} µs."]
    report.publish("Codecs", "\n".join(lines), [], plan)
