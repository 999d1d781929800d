"""W6: one person is a fifth of the traffic: what it costs, and that order and caps hold."""

from __future__ import annotations

import sys
from functools import partial
from itertools import count
from typing import Final

from agents.codecs.avro import DECODERS
from bench import crowd, meter, report
from bench.feeding import feed
from bench.judging import judge
from bench.kafka import Kafka, running
from bench.peers.job import Job
from bench.report import Column, middle, ratio, spread
from bench.roster import PEERS
from bench.rounds import Line, Plan, interleave
from bench.source import HOT, PARTITIONS, HotSource
from bench.whole import environment, prepare, recompute_topics
from bench.workloads.backlog import Backlog
from streams.topology import topic_name

TITLE: Final = "W6: a hot key"
PURCHASES, PURCHASES_QUICK = 5_000, 300
PEOPLE, PEOPLE_QUICK = 2_000, 200
WORD_S: Final = 300.0

_runs = count()
_named: Final = {peer.name: peer for peer in PEERS}

ROWS: Final = (
    ("ours-even", "**our transport**, W2, everybody in turn"),
    ("ours", "**our transport**, W2, one person is a fifth"),
    ("confluent-once", f"{_named['confluent-once'].title}, the same"),
    ("streams-once", f"{_named['streams-once'].title}, the same"),
)


def run(plan: Plan) -> None:
    """Measure and publish the section."""
    peers = [_named[name] for name, _ in ROWS[1:]]
    for peer in peers:
        peer.command()
    with running() as kafka:
        even, hot = Backlog(kafka, "W2", plan), Backlog(kafka, "W2", plan, HotSource)
        runs = {"ours-even": partial(even.measure, _named["ours"])}
        runs |= {peer.name: partial(hot.measure, peer) for peer in peers}
        lines = interleave(runs | {"whole": partial(measure, kafka, plan)}, plan)
    costs: list[Column] = [
        ("µs/event: median (lowest–highest)", spread("us")),
        ("events/s, wall", middle("rate")),
        ("CPU, ours = 1", ratio("us", lines, "ours")),
    ]
    whole: list[Column] = [
        ("µs/decision", spread("us", 0)),
        ("decisions", middle("decisions")),
        ("of the hot person", middle("hot")),
    ]
    report.publish(
        TITLE,
        f"One event in {HOT} is about one person; {PARTITIONS} partitions.\n"
        "Outputs and rows of W2 equal a sequential run's.\n\n"
        + report.table(ROWS, lines, costs)
        + "\n\nThe whole stream, a full decision an event: every decision is recomputed, every person's events are "
        "accepted in order,\nno contact rule is passed.\n\n"
        + report.table([("whole", "**the whole stream**, one person is a fifth")], lines, whole),
        lines,
        plan,
    )


def measure(kafka: Kafka, plan: Plan) -> Line:
    """Let the whole stream decide about the crowd, a fifth of it about one person."""
    people, purchases = (PEOPLE_QUICK, PURCHASES_QUICK) if plan.quick else (PEOPLE, PURCHASES)
    namespace = f"bench-w6-{next(_runs)}"
    topic = partial(topic_name, namespace)
    prepare(kafka, namespace)
    now = meter.wall_ms()
    told = [*crowd.opening(people, now)]
    told += [crowd.purchase(n, 0 if n % HOT == 0 else n % people, now) for n in range(purchases)]
    records = [*map(crowd.record, told)]
    feed(kafka.address, topic("raw-events"), records)
    job = Job("W6", kafka.address, topic("raw-events"), "", "", "", PARTITIONS, people + purchases, people, 0)
    command = [sys.executable, "-m", "bench.peers.whole", "kafka"]
    worker = meter.Program(command, environment(kafka, namespace) | job.environment, kafka.home / f"{namespace}-worker")
    with worker:
        worker.wait_word("begin", WORD_S)
        before = meter.read([worker.pid], kafka.pid)
        worker.wait_word("end", WORD_S)
        passed = meter.read([worker.pid], kafka.pid).since(before)
    found = recompute_topics(kafka, namespace, map(crowd.decision_id, told[people:]))
    judge(kafka, namespace, [(*record, DECODERS["raw_event"](record[2])) for record in records])
    return {
        **passed, "us": passed["cpu_s"] / purchases * 1e6, "decisions": found.decisions,
        "hot": sum(event.profile_id == crowd.name_of(0) for event in told[people:]),
    }  # fmt: skip
