"""W8: what the commit interval costs and what it delays, for us and for the transactional peers."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import count
from typing import Final

from agents.transport.topics import wanted_topics
from bench import meter, open_loop, report
from bench.feeding import feed
from bench.kafka import Kafka, running
from bench.open_loop import Play
from bench.peers.job import Job
from bench.report import Column, middle, spread
from bench.roster import JVM, PEERS, Peer
from bench.rounds import Line, Plan, interleave
from bench.source import PARTITIONS, Source
from bench.verify import wait_count
from bench.workloads.backlog import environment, verify
from streams.topology import topic_name

TITLE: Final = "W8: commit intervals, in the open loop"
RATE, RATE_QUICK = 10_000, 1_000
SECONDS, SECONDS_QUICK = 8.0, 3.0
WARM, WARM_QUICK, WARM_JVM = 2_000, 1_000, 500_000  # events before the first that counts
INTERVALS_MS: Final = (20, 100, 1_000)
PEERS_TOO: Final = ("confluent-once", "aiokafka-once", "streams-once")

_runs = count()
_named: Final = {peer.name: peer for peer in PEERS}

RUNS: Final[dict[str, tuple[Peer, str]]] = {
    **{
        f"ours-{ms}": (replace(_named["ours"], commit_ms=ms), f"**our transport**, a commit per {ms:,} ms")
        for ms in INTERVALS_MS
    },
    **{f"{name}-100": (_named[name], _named[name].title) for name in PEERS_TOO},
}


def columns() -> list[Column]:
    """Return what is shown of a run in the open loop."""
    return [
        ("worker, % of a core", spread("percent", 0)),
        ("broker, % of a core", middle("broker_percent")),
        ("p50 ms", spread("p50_ms", 1)),
        ("p99 ms", spread("p99_ms", 1)),
        ("p99.9 ms", middle("p99.9_ms", 1)),
        ("max ms", middle("max_ms", 0)),
        ("keeps up", lambda mine: "yes" if all(line["steady"] for line in mine) else "no: its lag grows"),
    ]


def run(plan: Plan) -> None:
    """Measure and publish the section."""
    for peer, _ in RUNS.values():
        peer.command()
    with running() as kafka:
        lines = interleave({name: partial(measure, kafka, peer, plan) for name, (peer, _) in RUNS.items()}, plan)
    report.publish(
        TITLE,
        f"W2's work at {RATE:,} events a second, from when an event was meant to be sent to a committed reader of\n"
        f"its output; {PARTITIONS} partitions. Outputs and rows of every run equal a sequential run's.\n\n"
        + report.table([(name, title) for name, (_, title) in RUNS.items()], lines, columns()),
        lines,
        plan,
    )


def measure(kafka: Kafka, peer: Peer, plan: Plan) -> Line:
    """Let a peer work in the open loop, verify what it wrote, and return latencies and costs."""
    rate, seconds, warm = (RATE_QUICK, SECONDS_QUICK, WARM_QUICK) if plan.quick else (RATE, SECONDS, WARM)
    if peer.kind is JVM and not plan.quick:
        warm = WARM_JVM
    namespace = f"bench-w8-{next(_runs)}"
    topic = partial(topic_name, namespace)
    kafka.create(*wanted_topics(namespace, PARTITIONS))
    source = Source(warm + int(rate * seconds))
    feed(kafka.address, topic("raw-events"), Source(warm).records())
    job = Job(
        "W2", kafka.address, topic("raw-events"), topic("events"), topic("changelog"), f"{namespace}-{peer.name}",
        PARTITIONS, 0, 0, peer.commit_ms,
    )  # fmt: skip
    state = kafka.home / namespace
    state.mkdir()
    told = environment(job, namespace, state) | {"CONTINUO_COMMIT_INTERVAL_MS": str(peer.commit_ms)}
    with meter.Program(peer.command(), told, state / "log") as program:
        wait_count(kafka.address, job.output, warm)
        line = open_loop.play(
            kafka, [program.pid],
            Play("toy", kafka.address, job.source, job.output, committed=True, rate=rate, seconds=seconds, first=warm,
                 expected=int(rate * seconds)),
        )  # fmt: skip
        rss_mb = program.rss_mb()
        wait_count(kafka.address, peer.changelog(job), 1)
    verify(peer, job, source)
    return {"guarantee": peer.guarantee, **line, "rss_mb": rss_mb}
