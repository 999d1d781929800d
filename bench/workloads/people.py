"""What a person costs: bytes of rows by table, and CPU of the step an event; a part of the grocery year in memory."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from pathlib import Path
from time import process_time
from typing import Final

from agents.codecs.avro import ENCODERS
from agents.policy_files import load_bundle
from bench import report
from bench.rounds import Plan
from examples.grocery.adapter import events
from streams.partition import partition_of
from streams.topology import TABLES
from tests.stream import Deployment

HOUSEHOLDS: Final = 200
UNTIL: Final = date(2017, 9, 1)
POLICY: Final = Path("examples/grocery/policy")


def run(plan: Plan) -> None:
    """Play the events and publish the bytes by table and the CPU."""
    deployment = Deployment(dict(load_bundle(POLICY)), partitions=2)
    told = list(events(HOUSEHOLDS // (20 if plan.quick else 1), UNTIL))
    encode = ENCODERS["raw_event"]
    for event in told:
        place = partition_of(event.profile_id, 2)
        deployment.log.send("raw-events", event.profile_id.encode(), encode(event), place)
    began = process_time()
    deployment.log.run()
    cpu_s = process_time() - began
    size: dict[bytes, int] = defaultdict(int)
    for rows in deployment.rows:
        for key, row in rows.items():
            size[key[:1]] += len(key) + len(row)
    people = sum(key[:1] == b"P" for rows in deployment.rows for key in rows)
    decisions, us = len(deployment.log.records("decisions")), cpu_s / len(told) * 1e6
    lines = [
        f"{people} households, {len(told):,} events until {UNTIL}, {decisions:,} decisions, models cold, in memory.",
        f"The step with decoding and encoding, everything but Kafka: {us:.0f} µs of CPU an event.",
        "",
        "| table | bytes a person |",
        "|---|---|",
        *(f"| `{table.name}` | {size[table.code] // people:,} |" for table in TABLES if table.key == "profile_id"),
        f"| together | {sum(size[table.code] for table in TABLES if table.key == 'profile_id') // people:,} |",
    ]
    report.publish("People", "\n".join(lines), [], plan)
