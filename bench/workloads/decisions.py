"""W3: the whole stream with a full decision for each event, and what a decision alone costs."""

from __future__ import annotations

import sys
from functools import partial
from itertools import count
from pathlib import Path
from typing import Final

import msgspec

from agents.codecs.avro import DECODERS
from bench import crowd, meter, recompute, report
from bench.feeding import feed
from bench.kafka import Kafka, running
from bench.peers.job import Job
from bench.report import Column, middle, spread
from bench.rounds import Line, Plan, interleave
from bench.source import PARTITIONS
from bench.whole import prepare, recompute_topics
from bench.workloads.backlog import environment
from streams.topology import topic_name

TITLE: Final = "W3: the whole stream, a full decision an event"
ROWS: Final = (
    ("core", "the decision core alone, its record encoded"),
    ("memory", "**the whole stream**, without Kafka"),
    ("kafka", "**the whole stream**, on Kafka, exactly once"),
)
PURCHASES, PURCHASES_QUICK = 20_000, 500
PEOPLE_QUICK: Final = 300
WORD_S: Final = 300.0

_runs = count()


def run(plan: Plan) -> None:
    """Measure and publish the section."""
    crowd.versions()
    with running() as kafka:
        lines = interleave({name: partial(measure, kafka, name, plan) for name, _ in ROWS}, plan)
    columns: list[Column] = [
        ("µs/decision: median (lowest–highest)", spread("us", 0)),
        ("decisions/s and core", middle("per_core")),
        ("decisions/s, wall", middle("rate")),
        ("candidates", middle("candidates")),
        ("reach scoring", middle("scored", 1)),
        ("with an action, %", middle("acted", 0, 100)),
        ("RSS MB", middle("rss_mb")),
    ]
    report.publish(
        TITLE,
        f"An event is decoded, ingested and folded, three models answer inline (one online, two ONNX), one decision is "
        f"made\nand recorded, its activation goes out; {crowd.PEOPLE:,} people, pure Python.\n"
        "Every decision of every run was decided again from its record, byte for byte.\n\n"
        + report.table(ROWS, lines, columns),
        lines,
        plan,
    )


def measure(kafka: Kafka, row: str, plan: Plan) -> Line:
    """Run one row, recompute its decisions, and return what they cost."""
    people, purchases = (PEOPLE_QUICK, PURCHASES_QUICK) if plan.quick else (crowd.PEOPLE, PURCHASES)
    namespace = f"bench-w3-{next(_runs)}"
    names = {noun: topic_name(namespace, noun) for noun in ("raw-events", "decisions", "changelog")}
    warm = 0 if row == "core" else people
    job = Job(
        "W3", kafka.address, names["raw-events"], names["decisions"], names["changelog"], namespace, PARTITIONS,
        warm + purchases, warm, 0,
    )  # fmt: skip
    state = kafka.home / namespace
    state.mkdir()
    if row == "kafka":
        prepare(kafka, namespace)
        feed(kafka.address, job.source, map(crowd.record, crowd.opening(people, meter.wall_ms())))
        feed(kafka.address, job.source, (bought(n, people) for n in range(purchases)))
    program = ["core"] if row == "core" else ["whole", row]
    command = [sys.executable, "-m", f"bench.peers.{program[0]}", *program[1:]]
    with meter.Program(command, environment(job, namespace, state), state / "log") as peer:
        peer.wait_word("begin", WORD_S)
        before = meter.read([peer.pid], kafka.pid)
        peer.wait_word("end", WORD_S)
        passed = meter.read([peer.pid], kafka.pid).since(before)
        rss_mb = peer.rss_mb()
        if row != "kafka":
            peer.wait_word("kept", WORD_S)
    found = _recompute(row, kafka, namespace, purchases, state / "kept")
    return passed | found | {
        "events": purchases, "rss_mb": rss_mb, "us": passed["cpu_s"] / purchases * 1e6,
        "per_core": purchases / passed["cpu_s"], "rate": purchases / passed["wall_s"],
    }  # fmt: skip


def bought(n: int, people: int) -> crowd.Record:
    """Return the record of purchase n; people take turns."""
    return crowd.record(crowd.purchase(n, n % people, meter.wall_ms()))


def _recompute(row: str, kafka: Kafka, namespace: str, purchases: int, kept: Path) -> Line:
    if row == "core":
        candidates, scored, acted = msgspec.msgpack.decode(kept.read_bytes(), type=tuple[int, float, float])
        return {"candidates": candidates, "scored": scored, "acted": acted}
    wanted = (crowd.decision_id(crowd.purchase(n, 0, 0)) for n in range(purchases))
    if row == "kafka":
        found = recompute_topics(kafka, namespace, wanted)
    else:
        said, shards = msgspec.msgpack.decode(
            kept.read_bytes(), type=tuple[list[tuple[int, str, bytes]], list[dict[bytes, bytes]]]
        )
        decode = {topic_name(namespace, noun): DECODERS[noun[:-1]] for noun in ("decisions", "activations")}
        decisions, activations = (
            [(partition, read_one(value)) for partition, topic, value in said if topic == name]
            for name, read_one in decode.items()
        )
        rows = {key: value for shard in shards for key, value in shard.items()}
        found = recompute.check(crowd.policy(), wanted, decisions, (one for _, one in activations), rows)
    candidates = len(crowd.policy().points[crowd.POINT].board.candidates)
    return {"candidates": candidates, "scored": found.scored, "acted": found.acted}
