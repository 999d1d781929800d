"""The workloads: what each one is, what holds it honest, how long it takes. The one table of `make bench`."""

from __future__ import annotations

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


WORKLOADS: Final = (
    Workload("0", "floors: one record in and one out, in C, by confluent-kafka, by aiokafka", "outputs", 1.5,
             partial(_backlog, "W0")),
    Workload("1", "decode, add a field, encode, produce", "outputs", 4, partial(_backlog, "W1")),
    Workload("2", "a row per person, a compacted changelog, one output an event", "outputs, rows", 8,
             partial(_backlog, "W2")),
)  # fmt: skip
