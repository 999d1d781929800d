"""What a fault is: an entry of the table."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import ClassVar

from tests.faults.outcome import Step
from tests.faults.transport.feeding import Flow
from tests.faults.transport.stage import Stage
from tests.faults.transport.worker import Setup

STEADY = (Flow(340_000, 40_000),)
SHORT = (Flow(100_000, 40_000),)
TRICKLE = (Flow(40_000, 4_000),)  # for a stream that waits
SLOW = (Flow(340_000, 8_000),)  # for faults that take longer
USUAL = Setup()


@dataclass(frozen=True)
class Fault:
    """One way in which things go wrong, and how one sees that they did."""

    step: ClassVar[Step] = "toy"

    name: str
    does: str
    evidence: str  # what has to be on record for a run to count
    inject: Callable[[Stage], Awaitable[None]]
    proof: Callable[[Stage], str]  # that evidence, "" where there is none
    ground: str = "embedded"
    setup: Setup = USUAL
    workers: tuple[str, ...] = ("w0", "w1")
    flows: tuple[Flow, ...] = STEADY
    poison_every: int = 0
    is_refused: bool = False  # the workers must not go on: each ends with 78 and is not started again
    load: int = 0  # processes that keep the machine busy meanwhile
    patience_s: float = 120.0  # for the lag to be zero, counted from the last injection
