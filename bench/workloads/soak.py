"""W9: the whole stream for a while at a steady rate, ten times as much for a moment; memory, invariants, replay."""

from __future__ import annotations

import sys
import threading
from bisect import bisect
from functools import partial
from itertools import count
from statistics import linear_regression
from time import monotonic, sleep
from typing import Final, Self

import psutil

from bench import crowd, meter, report
from bench.feeding import Feeder
from bench.judging import judge
from bench.kafka import Kafka, running
from bench.report import Column, middle, spread
from bench.rounds import Line, Plan, interleave
from bench.source import PARTITIONS
from bench.streams import crowd as stream
from bench.verify import wait_count
from bench.whole import environment, prepare, recompute_topics
from streams.records import RawEvent
from streams.topology import topic_name
from tests import witness
from tests.brokers import free_port

TITLE: Final = "W9: soak with a spike"
RATE: Final = 300  # events a second
SPIKE: Final = 10  # times as many...
SPIKE_S: Final = 3.0  # ...for so long, in the middle
PEOPLE: Final = 1_000
QUICK_S: Final = 8
SETTLED: Final = 0.25  # of the time, after which memory is expected to grow with the state only
SAMPLE_S: Final = 0.25
MIB: Final = 1 << 20

_runs = count()


def run(plan: Plan) -> None:
    """Soak and publish the section."""
    with running() as kafka:
        lines = interleave({"whole": partial(measure, kafka, plan)}, Plan(1, plan.quick, plan.rows, plan.soak_s))
    told: list[Column] = [
        ("events", middle("events")),
        ("RSS MB at the end", middle("rss_mb")),
        ("of it rows", middle("rows_mb", 1)),
        ("RSS grows, MB a minute", spread("slope_mb_min")),
        ("s to catch up behind the spike", middle("caught_up_s", 1)),
        ("decisions replayed", middle("decisions")),
    ]
    report.publish(
        TITLE,
        f"{RATE} events a second for {plan.soak_s} s, {SPIKE} times as many for {SPIKE_S:g} s in the middle;\n"
        f"one in {stream.SHARE} asks for a full decision. Every decision of the topic was replayed, byte for byte;\n"
        "order, caps, draws and chain were judged.\n\n"
        + report.table([("whole", "**the whole stream**")], lines, told),
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
        with Samples(worker.pid, witness.Tail(kafka.address, topic("events"), PARTITIONS)) as samples:
            before = meter.read([worker.pid], kafka.pid)
            left_at, more = _play(feeder, topic("raw-events"), seconds)
            fed += more
            wait_count(kafka.address, topic("events"), len(fed))
            passed = meter.read([worker.pid], kafka.pid).since(before)
        rss_mb = worker.rss_mb()
    wanted = [crowd.decision_id(event) for event in fed if event.type == "bought"]
    found = recompute_topics(kafka, namespace, wanted)
    judge(kafka, namespace, [(*crowd.record(event), event) for event in fed])
    return {
        **passed, "events": len(fed), "decisions": found.decisions, "rss_mb": rss_mb,
        "rows_mb": found.row_bytes / MIB, "slope_mb_min": samples.slope_mb_min(),
        "caught_up_s": samples.caught_up_s(left_at, PEOPLE, seconds / 2 + SPIKE_S),
    }  # fmt: skip


def _play(feeder: Feeder, topic: str, seconds: float) -> tuple[list[float], list[RawEvent]]:
    """Write events at the steady rate, more of them in the spike; return when each was due, and the events."""
    told: list[RawEvent] = []
    left_at: list[float] = []
    begun_at, spike_at, due = monotonic(), seconds / 2, 0.0
    while due < seconds:
        event = stream.event(len(told))
        sleep(max(0.0, begun_at + due - monotonic()))
        feeder.write(topic, crowd.record(event))
        feeder.producer.poll(0)
        told.append(event)
        left_at.append(begun_at + due)
        due += 1 / (RATE * (SPIKE if spike_at <= due < spike_at + SPIKE_S else 1))
    feeder.finish()
    return left_at, told


class Samples:
    """The memory of a process and what it has committed, a few times a second."""

    def __init__(self, pid: int, committed: witness.Tail) -> None:
        """Watch the process `pid`, and its outputs, within the block."""
        self._process, self._committed = psutil.Process(pid), committed
        self._over = threading.Event()
        self._told: list[tuple[float, float, int]] = []  # (when, MB, records committed)
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._committed.close()

    def slope_mb_min(self) -> float:
        """Return by how much memory grows a minute, once it has settled."""
        settled = self._told[int(len(self._told) * SETTLED) :]
        if len(settled) < 2:
            return 0.0
        return linear_regression([at / 60 for at, _, _ in settled], [megabytes for _, megabytes, _ in settled]).slope

    def caught_up_s(self, left_at: list[float], before: int, spike_over_s: float) -> float:
        """Return how long behind the spike's end less than a second's events were still to be committed.

        `left_at`: when each event was due; `before`: records committed before the first of them.
        """
        over_at = left_at[0] + spike_over_s
        for at, _, committed in self._told:
            if at >= over_at and bisect(left_at, at) - (committed - before) < RATE:
                return at - over_at
        return float("inf")

    def _watch(self) -> None:
        while not self._over.wait(SAMPLE_S):
            committed = self._committed.count(0)
            self._told.append((monotonic(), self._process.memory_info().rss / MIB, committed))
