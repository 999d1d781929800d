"""W0, W1, W2: a backlog is worked off, by us and by the peers; what each wrote is compared with a sequential run."""

from __future__ import annotations

import os
from functools import partial
from itertools import count
from pathlib import Path
from typing import Final

from agents.transport.topics import Wanted, wanted_topics
from bench import meter, report
from bench.environments import ROOT
from bench.feeding import feed
from bench.kafka import Kafka, running
from bench.peers.job import Job
from bench.report import Column, middle, ratio, spread
from bench.roster import NATIVE, Peer, Size, peers
from bench.rounds import Line, Plan, interleave
from bench.source import PARTITIONS, PEOPLE, Source
from bench.verify import check_outputs, check_rows, read
from streams.topology import topic_name

TITLES: Final = {
    "W0": "W0: floors, one record in and one out",
    "W1": "W1: decode, add a field, encode, produce",
    "W2": "W2: profile, changelog, one output",
}
UNIT: Final = {"W0": "floor", "W1": "ours", "W2": "ours"}  # whose CPU is 1
BEGIN_S: Final = 300.0
RUN_S: Final = 300.0

_runs = count()


def run(work: str, plan: Plan) -> None:
    """Measure all peers of a workload in turn and publish the section."""
    chosen = peers(work)
    for peer in chosen:
        if not plan.rows or peer.name in plan.rows:
            peer.command()  # what has to be built is built before anything is measured
    with running() as kafka:
        backlog = Backlog(kafka, work, plan)
        if not plan.quick:
            backlog.measure(next(peer for peer in chosen if peer.kind is NATIVE))  # the broker is a JVM too: warm it
        lines = interleave({peer.name: partial(backlog.measure, peer) for peer in chosen}, plan)
    report.publish(TITLES[work], told(work, lines, plan), lines, plan)


def told(work: str, lines: list[Line], plan: Plan) -> str:
    """Return the section's body."""
    columns: list[Column] = [
        ("guarantee", lambda mine: mine[0]["guarantee"]),
        ("µs/event: median (lowest–highest)", spread("us")),
        ("broker µs/event", middle("broker_us", 2)),
        ("events/s, wall", middle("rate")),
        ("RSS MB", middle("rss_mb")),
        (f"CPU, {UNIT[work]} = 1", ratio("us", lines, UNIT[work])),
    ]
    checked = {"W2": "Outputs and changelog of every run equal"}.get(work, "Outputs of every run equal")
    return (
        f"{PARTITIONS} partitions, {len(Source(1).event(123_456)[1])} B events, {PEOPLE:,} people, acks = all, "
        f"{plan.rounds} interleaved rounds; JVM peers warm.\n{checked} a sequential run's.\n\n"
        + report.table([(peer.name, peer.title) for peer in peers(work)], lines, columns)
    )


class Backlog:
    """The events of a workload on one broker, fed once for each size."""

    def __init__(self, kafka: Kafka, work: str, plan: Plan, kind: type[Source] = Source) -> None:
        """Prepare to feed what is asked for."""
        self._kafka, self._work, self._plan, self._kind = kafka, work, plan, kind
        self._fed: dict[int, Source] = {}

    def measure(self, peer: Peer) -> Line:
        """Let a peer do the work once, verify what it wrote, and return what it cost."""
        size = peer.kind.quick if self._plan.quick else peer.kind.size
        source = self._source(size)
        namespace = self._namespace(size)
        group = f"{namespace}-{peer.name}-{next(_runs)}"
        names = {noun: topic_name(namespace, noun) for noun in ("raw-events", "events", "changelog")}
        self._kafka.recreate(*(one for one in self._topics(size) if one.name != names["raw-events"]))
        job = Job(
            self._work, self._kafka.address, names["raw-events"], names["events"], names["changelog"], group,
            PARTITIONS, size.events, size.warm, peer.commit_ms,
        )  # fmt: skip
        state = self._kafka.home / group
        state.mkdir()
        command, told = peer.command(), environment(job, namespace, state)
        with meter.Program(command, told, self._kafka.home / f"{group}.log") as program:
            program.wait_word("begin", BEGIN_S)
            before = meter.read([program.pid], self._kafka.pid)
            program.wait_word("end", RUN_S)
            passed = meter.read([program.pid], self._kafka.pid).since(before)
            rss_mb = program.rss_mb()
        verify(peer, job, source)
        if peer.changelog(job) != job.changelog:
            self._kafka.delete(peer.changelog(job))
        events = size.measured
        return {
            "guarantee": peer.guarantee, "events": events, **passed, "rss_mb": rss_mb,
            "us": passed["cpu_s"] / events * 1e6, "broker_us": passed["broker_s"] / events * 1e6,
            "rate": events / passed["wall_s"],
        }  # fmt: skip

    def _source(self, size: Size) -> Source:
        if size.events not in self._fed:
            self._fed[size.events] = source = self._kind(size.events)
            self._kafka.create(*self._topics(size))
            feed(self._kafka.address, topic_name(self._namespace(size), "raw-events"), source.records())
        return self._fed[size.events]

    def _topics(self, size: Size) -> list[Wanted]:
        return wanted_topics(self._namespace(size), PARTITIONS)

    def _namespace(self, size: Size) -> str:
        return f"bench-{self._work}-{self._kind.__name__}-{size.events}".lower()


def verify(peer: Peer, job: Job, source: Source) -> None:
    """Read back what a peer wrote; raise Wrong unless it is what a sequential run writes."""
    wanted = {partition: source.outputs(job.work, partition) for partition in range(PARTITIONS)}
    check_outputs(read(job.broker, job.output), wanted)
    if job.work == "W2":
        rows = {peer.row_key(key): row for key, row in source.rows().items()}
        check_rows(read(job.broker, peer.changelog(job)), rows, peer.own_keys)


def environment(job: Job, namespace: str, state: Path) -> dict[str, str]:
    """Return the environment of a peer: its job, and for ours the settings that say the same."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CONTINUO_", "BENCH_"))}
    ours = {"BROKER": job.broker, "NAMESPACE": namespace, "PARTITIONS": str(PARTITIONS), "HOME": str(state)}
    settings = {f"CONTINUO_{name}": value for name, value in ours.items()}
    return kept | job.environment | settings | {"BENCH_STATE": str(state), "PYTHONPATH": str(ROOT)}
