"""What a fault of the whole stream is: an entry of the table."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date
from typing import ClassVar

from tests.faults.outcome import Step
from tests.faults.stream.scene import Scene


@dataclass(frozen=True)
class StreamFault:
    """One way in which things go wrong for a deployment with models, trainers and channels, and how one sees it."""

    step: ClassVar[Step] = "full"
    ground: ClassVar[str] = "embedded"

    name: str
    does: str
    evidence: str  # what has to be on record for a run to count
    inject: Callable[[Scene], Awaitable[None]]  # while the stream is fed
    proof: Callable[[Scene], str]  # that evidence, "" where there is none
    is_upgrade: bool = False  # processes run the previous commit first
    people: int = 1_800
    until: date = date(2017, 3, 8)  # of the year that they live; with so many people some 200,000 events
