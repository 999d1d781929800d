"""The workloads: what each one is, what holds it honest, how long it takes. The one table of `make bench`."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from bench.rounds import Plan


@dataclass(frozen=True)
class Workload:
    """One of them."""

    name: str
    what: str
    check: str
    minutes: float  # about, on two cores
    run: Callable[[Plan], None]


def _backlog(work: str, plan: Plan) -> None:
    from bench.workloads import backlog

    backlog.run(work, plan)


def _module(name: str) -> Callable[[Plan], None]:
    """Return the workload of a module, imported when it runs: each brings libraries of its own."""

    def run(plan: Plan) -> None:
        importlib.import_module(f"bench.workloads.{name}").run(plan)

    return run


WORKLOADS: Final = (
    Workload("0", "floors: one record in and one out, in C, by confluent-kafka, by aiokafka", "outputs", 1.5,
             partial(_backlog, "W0")),
    Workload("1", "decode, add a field, encode, produce", "outputs", 4, partial(_backlog, "W1")),
    Workload("2", "a row per person, a compacted changelog, one output an event", "outputs, rows", 8,
             partial(_backlog, "W2")),
    Workload("3", "the whole stream, a full decision an event; the decision core alone", "every decision recomputed", 7,
             _module("decisions")),
    Workload("4", "three models in processes of their own, asked in micro-batches, one of them slow at times",
             "every answer joined or told as late, every decision recomputed", 5, _module("model_workers")),
    Workload("5", "restore of 0.1, 1 and 5 million rows; failover after kill -9", "every row; nothing lost or twice", 5,
             _module("restores")),
    Workload("6", "one person is a fifth of the traffic", "outputs, rows; order and caps", 3, _module("hot_key")),
    Workload("7", "one worker, two, four, two", "nothing lost, doubled or disordered", 2, _module("scaling")),
    Workload("8", "commit intervals of 20, 100 and 1,000 ms: cost and latency in the open loop", "outputs, rows", 5,
             _module("commits")),
    Workload("9", "soak with a tenfold spike: memory, and the decision topic replayed", "replay, order, caps, draws", 2,
             _module("soak")),
    Workload("latency", "the whole stream in the open loop: event to activation, event to request",
             "every decision recomputed", 4.5, _module("latency")),
    Workload("door", "POST /events in batches; POST /decide in the open loop", "events, every decision recomputed", 3,
             _module("door")),
    Workload("idle", "a worker with nothing to do", "–", 2, _module("idle")),
    Workload("people", "bytes of rows a person, CPU of the step an event, on a part of the grocery year", "–", 0.5,
             _module("people")),
    Workload("codecs", "reading and writing each record", "round trips are tests", 0.5, _module("codecs")),
)  # fmt: skip
