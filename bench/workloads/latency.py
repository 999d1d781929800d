"""Latency of the whole stream in the open loop: event to activation, event to a model's request."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Final

from bench import crowd, meter, open_loop, report
from bench.feeding import feed
from bench.kafka import Kafka, running
from bench.open_loop import Play
from bench.report import Column
from bench.rounds import Line, Plan, interleave
from bench.source import PARTITIONS
from bench.streams import crowd as stream
from bench.verify import wait_count
from bench.whole import environment, prepare, recompute_topics
from bench.workloads.commits import columns
from streams.topology import topic_name
from tests.brokers import free_port

TITLE: Final = "Latency of the whole stream, in the open loop"
SECONDS, SECONDS_QUICK = 8.0, 3.0
RATE_QUICK: Final = 300

_runs = count()


@dataclass(frozen=True)
class Way:
    """From an event to what comes of it."""

    title: str
    noun: str
    committed: bool
    rate: int
    by_topic: tuple[str, ...] = ()  # models that answer in a process of their own


WAYS: Final = {
    "activation-1k": Way("event → activation, read committed, 1,000/s", "activations", True, 1_000),
    "activation-10k": Way("event → activation, read committed, 10,000/s", "activations", True, 10_000),
    "request-1k": Way("event → request, read uncommitted, 1,000/s", "requests", False, 1_000, (crowd.SLOW,)),
    "request-10k": Way("event → request, read uncommitted, 10,000/s", "requests", False, 10_000, (crowd.SLOW,)),
}


def run(plan: Plan) -> None:
    """Measure and publish the section."""
    with running() as kafka:
        lines = interleave({name: partial(measure, kafka, way, plan) for name, way in WAYS.items()}, plan)
    told: list[Column] = columns()
    report.publish(
        TITLE,
        f"One event in {stream.SHARE} asks for a full decision, as in the grocery year; {PARTITIONS} partitions, one "
        "worker, a commit\nper 50 ms. From when an event was meant to be sent. Every decision was recomputed.\n\n"
        + report.table([(name, way.title) for name, way in WAYS.items()], lines, told),
        lines,
        plan,
    )


def measure(kafka: Kafka, way: Way, plan: Plan) -> Line:
    """Let one worker, and the model workers that it asks, run in the open loop."""
    rate, seconds = (RATE_QUICK, SECONDS_QUICK) if plan.quick else (way.rate, SECONDS)
    people = 300 if plan.quick else stream.PEOPLE
    namespace = f"bench-latency-{next(_runs)}"
    topic = partial(topic_name, namespace)
    prepare(kafka, namespace, *way.by_topic)
    feed(kafka.address, topic("raw-events"), map(crowd.record, crowd.opening(people, meter.wall_ms())))
    listened = topic(way.noun, way.by_topic[0]) if way.by_topic else topic(way.noun)
    events = int(rate * seconds)
    wanted = [name for name in map(stream.name, range(events)) if name]
    roles = [["worker", "--web-port", str(free_port())], *(["model", model] for model in way.by_topic)]
    told = environment(kafka, namespace)
    with ExitStack() as stack:
        programs = [
            stack.enter_context(
                meter.Program([sys.executable, "-m", "agents", *role], told, kafka.home / f"{namespace}-{role[0]}")
            )
            for role in reversed(roles)
        ]
        worker, *models = reversed(programs)
        wait_count(kafka.address, topic("events"), people)
        line = open_loop.play(
            kafka, [worker.pid],
            Play("crowd", kafka.address, topic("raw-events"), listened, way.committed, rate, seconds, 0, 0),
            [model.pid for model in models],
        )  # fmt: skip
        wait_count(kafka.address, topic("decisions"), len(wanted))
        rss_mb = worker.rss_mb()
    found = recompute_topics(kafka, namespace, wanted, *way.by_topic)
    return {**line, "rss_mb": rss_mb, "decisions": found.decisions}
