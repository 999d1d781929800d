"""What the transport asks of the stream, and what it promises back: records in, one turn out, committed whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from aiokafka import ConsumerRecord

Output = tuple[str, int | None, bytes | None, bytes, list[tuple[str, bytes]]]
"""Full topic name, partition (None = the shard's own), key, value, headers."""


@dataclass(slots=True)
class Turn:
    """What came of one call of an applier: either all of it is committed or nothing."""

    outputs: list[Output]
    changes: dict[bytes, bytes | None]  # changelog key -> row; None = tombstone
    consumed: int  # how many of the records were taken
    step: int  # last step number used


class Applier(Protocol):
    """The state of one shard and the function over it; synchronous, without I/O.

    A record on which it fails is its own affair (a dead letter); an exception that leaves it is a bug and ends the
    worker, except WorkerStop.
    """

    @property
    def step(self) -> int:
        """The last step number used; restored from the position record."""

    def take(self, topic: str, records: Sequence[ConsumerRecord], now: int) -> Turn:
        """Apply a run of records of one source in order; `now` is the wall clock in ms.

        Where `consumed < len(records)` the rest is offered again when `is_full()` has turned false.
        """

    def wake_at(self) -> int | None:
        """Return the wall time in ms at which `fire` wants to be called, or None."""

    def fire(self, now: int) -> Turn:
        """Apply the timers that are due."""

    def is_full(self) -> bool:
        """Tell whether no events are taken now; answers and control records are still offered."""


ApplierFactory = Callable[[int, dict[bytes, bytes], int], Applier]
"""(partition, the shard's restored rows by changelog key, last step) -> Applier.

The applier owns `rows` from then on and puts its own changes into it before it returns them.
"""


class WorkerStop(Exception):
    """End this worker with `exit_code`; the supervisor does not restart one that ended with 78."""

    def __init__(self, reason: str, exit_code: int = 78) -> None:
        super().__init__(reason)
        self.exit_code = exit_code
