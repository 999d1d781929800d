"""W9: the whole stream for a while at a steady rate, ten times as much for a moment; memory, invariants, replay."""

from __future__ import annotations

import sys
import threading
from functools import partial
from itertools import count
from statistics import linear_regression
from time import monotonic
from typing import Final

import psutil

from bench import crowd, meter, report
from bench.feeding import Feeder
from bench.judging import judge
from bench.kafka import Kafka, running
from bench.report import Column, middle, spread
from bench.rounds import Line, Plan, interleave
from bench.streams import crowd as stream
from bench.verify import wait_count
from bench.whole import environment, prepare, recompute_topics
from streams.records import RawEvent
from streams.topology import topic_name
from tests.brokers import free_port

TITLE: Final = "W9: soak with a spike"
RATE: Final = 300  # events a second
SPIKE: Final = 10  # times as many...
SPIKE_S: Final = 3.0  # ...for so long, in the middle
PEOPLE: Final = 1_000
QUICK_S: Final = 8
SETTLED: Final = 0.25  # of the time, after which memory is expected to grow with the state only
MIB: Final = 1 << 20

_runs = count()


def run(plan: Plan) -> None:
    """Soak and publish the section."""
    with running() as kafka:
        lines = interleave({"whole": partial(measure, kafka, plan)}, Plan(1, plan.quick, plan.rows, plan.soak_s))
    told: list[Column] = [
        ("events", middle("events")),
        ("RSS MB at the end", middle("rss_mb")),
        ("RSS, MB a minute", spread("slope_mb_min")),
        ("of it rows, MB a minute", middle("rows_mb_min", 2)),
        ("s to catch up after the spike", middle("caught_up_s", 1)),
        ("decisions replayed", middle("decisions")),
    ]
    report.publish(
        TITLE,
        f"{RATE} events a second for {plan.soak_s} s, {SPIKE} times as many for {SPIKE_S:g} s in the middle; one in "
        f"{stream.SHARE} asks for a full\ndecision. Every decision of the topic was replayed byte for byte; order, caps, "
        "draws and chain were judged.\n\n" + report.table([("whole", "**the whole stream**")], lines, told),
        lines,
        plan,
    )


def measure(kafka: Kafka, plan: Plan) -> Line:
    """Run one worker under a steady rate with a spike, and judge everything at the end."""
    seconds = QUICK_S if plan.quick else plan.soak_s
    namespace = f"bench-w9-{next(_runs)}"
    topic = partial(topic_name, namespace)
    prepare(kafka, namespace)
    fed = [*crowd.opening(PEOPLE, meter.wall_ms())]
    feeder = Feeder(kafka.address, linger_ms=5)
    for event in fed:
        feeder.write(topic("raw-events"), crowd.record(event))
    feeder.finish()
    command = [sys.executable, "-m", "agents", "worker", "--web-port", str(free_port())]
    with meter.Program(command, environment(kafka, namespace), kafka.home / f"{namespace}-worker") as worker:
        wait_count(kafka.address, topic("events"), len(fed))
        with Samples(worker.pid) as samples:
            before = meter.read([worker.pid], kafka.pid)
            spiked_at, more = _play(feeder, topic("raw-events"), seconds)
            fed += more
            calm = len(fed) - int(RATE * (seconds / 2 - SPIKE_S))  # the events that came until the spike was over
            wait_count(kafka.address, topic("events"), calm)
            caught_up_s = max(0.0, monotonic() - spiked_at) if monotonic() > spiked_at else 0.0
            wait_count(kafka.address, topic("events"), len(fed))
            passed = meter.read([worker.pid], kafka.pid).since(before)
        rss_mb = worker.rss_mb()
    wanted = [crowd.decision_id(event) for event in fed if event.type == "bought"]
    found = recompute_topics(kafka, namespace, wanted)
    judge(kafka, namespace, [(*crowd.record(event), event) for event in fed])
    return {
        **passed, "events": len(fed), "decisions": found.decisions, "rss_mb": rss_mb, "caught_up_s": caught_up_s,
        "slope_mb_min": samples.slope_mb_min(), "rows_mb_min": found.row_bytes / MIB / (passed["wall_s"] / 60),
    }  # fmt: skip


def _play(feeder: Feeder, topic: str, seconds: float) -> tuple[float, list[RawEvent]]:
    """Write events at the steady rate, more of them in the spike; return when that was over, and the events."""
    told: list[RawEvent] = []
    begun_at = monotonic()
    spike_at = seconds / 2
    due = 0.0
    while due < seconds:
        rate = RATE * (SPIKE if spike_at <= due < spike_at + SPIKE_S else 1)
        event = stream.event(len(told))
        threading.Event().wait(max(0.0, begun_at + due - monotonic()))
        feeder.write(topic, crowd.record(event))
        feeder.producer.poll(0)
        told.append(event)
        due += 1 / rate
    feeder.finish()
    return begun_at + spike_at + SPIKE_S, told


class Samples:
    """The memory of a process, once a second."""

    def __init__(self, pid: int) -> None:
        """Watch the process `pid` within the block."""
        self._process = psutil.Process(pid)
        self._over = threading.Event()
        self._told: list[tuple[float, float]] = []  # (minutes, MB)
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Samples:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def slope_mb_min(self) -> float:
        """Return by how much memory grows a minute, once it has settled."""
        settled = self._told[int(len(self._told) * SETTLED) :]
        if len(settled) < 2:
            return 0.0
        minutes, megabytes = zip(*settled, strict=True)
        return linear_regression(minutes, megabytes).slope

    def _watch(self) -> None:
        begun_at = monotonic()
        while not self._over.wait(1.0):
            self._told.append(((monotonic() - begun_at) / 60, self._process.memory_info().rss / MIB))
