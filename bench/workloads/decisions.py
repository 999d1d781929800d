"""W3: the whole stream with a full decision for each event, and what a decision alone costs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import defaultdict
from functools import cache, partial
from itertools import count
from pathlib import Path
from typing import Final

import msgspec

from agents.codecs.avro import DECODERS
from bench import crowd, environments, meter, recompute, report
from bench.environments import ROOT
from bench.feeding import feed
from bench.kafka import Kafka, running
from bench.peers.job import Job
from bench.report import Column, middle, spread
from bench.rounds import Line, Plan, interleave
from bench.source import PARTITIONS
from bench.verify import Wrong
from bench.whole import prepare, recompute_topics
from bench.workloads.backlog import environment
from streams.topology import topic_name

TITLE: Final = "W3: the whole stream, a full decision an event"
ROWS: Final = (
    ("core", "the decision core alone, its record encoded"),
    ("core-compiled", "the same, compiled"),
    ("memory", "**the whole stream**, without Kafka"),
    ("memory-compiled", "**the same, compiled**"),
    ("kafka", "**the whole stream**, on Kafka, exactly once"),
    ("kafka-compiled", "**the same, compiled**"),
)
PURCHASES, PURCHASES_QUICK = 20_000, 500
PEOPLE_QUICK: Final = 300
WORD_S: Final = 300.0

_runs = count()
_digests: defaultdict[int, set[str]] = defaultdict(set)  # of the core's evidence, by how many decisions: one each


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
        f"made\nand recorded, its activation goes out; {crowd.PEOPLE:,} people. "
        "Compiled: by mypyc, the wheel of `make compiled`; the models are the same.\n"
        "Every decision of every run was decided again from its record in plain Python, byte for byte.\n\n"
        + report.table(ROWS, lines, columns),
        lines,
        plan,
    )


def measure(kafka: Kafka, row: str, plan: Plan) -> Line:
    """Run one row, recompute its decisions, and return what they cost."""
    people, purchases = (PEOPLE_QUICK, PURCHASES_QUICK) if plan.quick else (crowd.PEOPLE, PURCHASES)
    namespace = f"bench-w3-{next(_runs)}"
    names = {noun: topic_name(namespace, noun) for noun in ("raw-events", "decisions", "changelog")}
    part, _, build = row.partition("-")
    warm = 0 if part == "core" else people
    job = Job(
        "W3", kafka.address, names["raw-events"], names["decisions"], names["changelog"], namespace, PARTITIONS,
        warm + purchases, warm, 0,
    )  # fmt: skip
    state = kafka.home / namespace
    state.mkdir()
    if part == "kafka":
        prepare(kafka, namespace)
        feed(kafka.address, job.source, map(crowd.record, crowd.opening(people, meter.wall_ms())))
        feed(kafka.address, job.source, (bought(n, people) for n in range(purchases)))
    python, path = _interpreter(build)
    program = ["core"] if part == "core" else ["whole", part]
    command = [python, "-P", "-m", f"bench.peers.{program[0]}", *program[1:]]
    told = environment(job, namespace, state) | {"PYTHONPATH": path}
    with meter.Program(command, told, state / "log") as peer:
        peer.wait_word("begin", WORD_S)
        before = meter.read([peer.pid], kafka.pid)
        peer.wait_word("end", WORD_S)
        passed = meter.read([peer.pid], kafka.pid).since(before)
        rss_mb = peer.rss_mb()
        if part != "kafka":
            peer.wait_word("kept", WORD_S)
    found = _recompute(part, kafka, namespace, purchases, state / "kept")
    return passed | found | {
        "events": purchases, "rss_mb": rss_mb, "us": passed["cpu_s"] / purchases * 1e6,
        "per_core": purchases / passed["cpu_s"], "rate": purchases / passed["wall_s"],
    }  # fmt: skip


def bought(n: int, people: int) -> crowd.Record:
    """Return the record of purchase n; people take turns."""
    return crowd.record(crowd.purchase(n, n % people, meter.wall_ms()))


@cache
def _interpreter(build: str) -> tuple[str, str]:
    """Return the Python that has a build, and the path that leads it to that build before the checkout's sources."""
    if not build:
        python, path = sys.executable, str(ROOT)
    else:
        compiled, wheel = environments.compiled()
        python, path = str(compiled), os.pathsep.join((str(wheel), str(ROOT)))
    asked = [python, "-P", "-c", "from agents.build import core_build; print(core_build())"]
    came = subprocess.run(asked, env={"PYTHONPATH": path}, capture_output=True, text=True, check=True).stdout.strip()
    if came != (build or "pure"):
        raise SystemExit(f"expected the {build or 'pure'} core under {path}, came the {came} one")
    return python, path


def _recompute(part: str, kafka: Kafka, namespace: str, purchases: int, kept: Path) -> Line:
    if part == "core":
        told = tuple[int, float, float, str]
        candidates, scored, acted, digest = msgspec.msgpack.decode(kept.read_bytes(), type=told)
        _digests[purchases].add(digest)
        if len(_digests[purchases]) > 1:
            raise Wrong(f"{purchases} decisions: expected the same evidence of every build; it differs")
        return {"candidates": candidates, "scored": scored, "acted": acted}
    wanted = (crowd.decision_id(crowd.purchase(n, 0, 0)) for n in range(purchases))
    if part == "kafka":
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
