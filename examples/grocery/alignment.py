"""How far the feeder may run ahead: partitions stay within a week of each other, and Kafka holds a bounded backlog.

A history's deployment clock is each partition's own. If one ran far ahead, its people would be decided with models that
learned from a future the others have yet to see; so nothing is fed that is more than `ahead_ms` later than the clock of
the slowest partition which still has work. A partition that has taken all it was given holds nobody up.
"""

from __future__ import annotations

from collections import deque
from typing import Final

DAY_MS: Final = 86_400_000
AHEAD_MS: Final = 7 * DAY_MS
IN_FLIGHT_MAX: Final = 40_000  # events fed and not accepted: 6 MB, a few seconds of a worker's time


class Alignment:
    """What was fed to each partition and not yet seen to be accepted."""

    def __init__(self, partitions: int, ahead_ms: int = AHEAD_MS, in_flight_max: int = IN_FLIGHT_MAX) -> None:
        self.in_flight = 0
        self.fed_until: Final = [0] * partitions  # instant of the last event fed
        self._ahead_ms: Final = ahead_ms
        self._in_flight_max: Final = in_flight_max
        self._clocks: Final = [0] * partitions
        self._waiting: Final[list[deque[tuple[int, int]]]] = [deque() for _ in range(partitions)]  # (instant, events)

    def feed(self, partition: int, at: int, events: int) -> None:
        """Note that events up to the instant `at` were fed."""
        self.fed_until[partition] = at
        self._waiting[partition].append((at, events))
        self.in_flight += events

    def accept(self, partition: int, clock: int) -> None:
        """Note a partition's clock: what was fed up to there is done with."""
        self._clocks[partition] = max(self._clocks[partition], clock)
        waiting = self._waiting[partition]
        while waiting and waiting[0][0] <= self._clocks[partition]:
            self.in_flight -= waiting.popleft()[1]

    def accept_all(self) -> None:
        """Note that everything fed was read: what was not accepted never will be."""
        for partition, fed in enumerate(self.fed_until):
            self.accept(partition, fed)

    def may_feed(self, at: int) -> bool:
        """Tell whether an event of the instant `at` may be fed now."""
        if self.in_flight >= self._in_flight_max:
            return False
        # A partition that never accepted anything has no clock yet: it stands where it was fed first.
        busy = zip(self._clocks, self._waiting, strict=True)
        return all(at <= (clock or waiting[0][0]) + self._ahead_ms for clock, waiting in busy if waiting)
