"""W5: how long a state takes to come back, and how long a stream is silent when a worker is killed."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from typing import Final

from agents.transport.positions import POSITION_KEY, Position
from agents.transport.topics import wanted_topics
from bench import environments, meter, report, roster
from bench.feeding import Record, feed
from bench.kafka import Kafka, running
from bench.peers.job import Job
from bench.report import Column, middle, spread
from bench.rounds import Line, Plan, interleave
from bench.source import PARTITIONS
from bench.verify import Wrong
from bench.workloads import failover
from bench.workloads.backlog import environment
from streams.topology import topic_name

TITLE: Final = "W5: restore and failover"
ROW_BYTES: Final = 260  # what a small profile takes
QUICK_ROWS: Final = 2_000
WORD_S: Final = 300.0
MASK: Final = (1 << 64) - 1

_runs = count()


@dataclass(frozen=True)
class Way:
    """Who restores how many rows."""

    title: str
    rows: int
    command: Callable[[], list[str]]
    changelog: Callable[[str], str]  # its name, by the namespace of the size


def _ours() -> list[str]:
    return [sys.executable, "-m", "bench.peers.restored"]


def _by_hand() -> list[str]:
    return [str(environments.python("confluent-kafka")), "-m", "bench.peers.restored_by_hand"]


def _streams() -> list[str]:
    return roster.java("-Xmx4g", "-XX:+UseParallelGC")("tuned", "least")


def _changelog(namespace: str) -> str:
    return topic_name(namespace, "changelog")


def _streams_changelog(namespace: str) -> str:
    return f"{namespace}-streams-rows-changelog"


WAYS: Final = {
    "ours-100k": Way("**our transport**, 0.1 M rows", 100_000, _ours, _changelog),
    "ours-1m": Way("**our transport**, 1 M rows", 1_000_000, _ours, _changelog),
    "by-hand-1m": Way("confluent-kafka by hand, 1 M rows", 1_000_000, _by_hand, _changelog),
    "streams-1m": Way("Kafka Streams 4.1, in memory, 1 M rows", 1_000_000, _streams, _streams_changelog),
    "ours-5m": Way("**our transport**, 5 M rows", 5_000_000, _ours, _changelog),
}


def run(plan: Plan) -> None:
    """Measure and publish the section."""
    for way in WAYS.values():
        way.command()
    with running() as kafka:
        fed: dict[str, tuple[int, int]] = {}
        runs = {name: partial(measure, kafka, way, fed, plan) for name, way in WAYS.items()}
        lines = interleave(runs | {"failover": partial(failover.measure, kafka, plan)}, plan)
    told: list[Column] = [
        ("s", spread("restore_s")),
        ("s a million rows", middle("per_million_s", 2)),
        ("RSS MB a million rows", middle("rss_per_million")),
    ]
    silent: list[Column] = [
        ("first output behind the kill, slowest partition, s", spread("slowest_s")),
        ("median partition, s", middle("median_s", 2)),
    ]
    report.publish(
        TITLE,
        f"A changelog of {PARTITIONS} partitions, rows of {ROW_BYTES} bytes; every row's checksum is compared.\n\n"
        + report.table([(name, way.title) for name, way in WAYS.items()], lines, told)
        + f"\n\nOne of two supervised workers is killed with -9 under {failover.RATE:,} events a second; nothing is "
        "lost or doubled.\n\n"
        + report.table([("failover", "**our transport**, kill -9")], lines, silent),
        lines,
        plan,
    )


def measure(kafka: Kafka, way: Way, fed: dict[str, tuple[int, int]], plan: Plan) -> Line:
    """Let somebody restore a changelog, which is fed at its first use."""
    rows = QUICK_ROWS if plan.quick else way.rows
    namespace = f"bench-w5-{rows}"
    changelog = way.changelog(namespace)
    if changelog not in fed:
        wanted = {one.name: one for one in wanted_topics(namespace, PARTITIONS)}
        wanted[changelog] = replace(wanted[_changelog(namespace)], name=changelog)
        kafka.create(*wanted.values())
        feed(kafka.address, changelog, _records(namespace, rows, with_positions=way.command is _ours))
        fed[changelog] = _checksum(rows)
    number, checksum = fed[changelog]
    group = f"{namespace}-streams" if way.command is _streams else f"{namespace}-{next(_runs)}"
    job = Job("W5", kafka.address, topic_name(namespace, "raw-events"), "", changelog, group, PARTITIONS, 0, 0, 0)
    state = kafka.home / f"w5-{next(_runs)}"
    state.mkdir()
    with meter.Program(way.command(), environment(job, namespace, state), state / "log") as program:
        program.wait_word("begin", WORD_S)
        before = meter.read([program.pid], kafka.pid)
        restore_s = float(program.wait_word("end", WORD_S))
        passed = meter.read([program.pid], kafka.pid).since(before)
        rss_mb = program.rss_mb()
        told = program.wait_word("sum", WORD_S)
    if told != f"{number} {checksum}":
        raise Wrong(f"expected {number} rows with the checksum {checksum}; restored were {told}")
    millions = rows / 1e6
    return {
        **passed, "rows": rows, "restore_s": restore_s, "per_million_s": restore_s / millions, "rss_mb": rss_mb,
        "rss_per_million": rss_mb / millions,
    }  # fmt: skip


def _rows(count_of: int) -> Iterator[Record]:
    filler = b"x" * ROW_BYTES
    for n in range(count_of):
        yield n % PARTITIONS, b"Pperson-%d" % n, (b"%d:" % n + filler)[:ROW_BYTES]


def _records(namespace: str, rows: int, *, with_positions: bool) -> Iterator[Record]:
    yield from _rows(rows)
    if with_positions:
        position = Position(partitions=PARTITIONS, mode="live", namespace=namespace).snapshot().record
        yield from ((partition, POSITION_KEY, position) for partition in range(PARTITIONS))


def _checksum(rows: int) -> tuple[int, int]:
    return rows, sum(zlib.crc32((key or b"") + (value or b"")) for _, key, value in _rows(rows)) & MASK
