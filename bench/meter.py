"""How a process of a benchmark measures itself."""

from __future__ import annotations

import json
import os
import sys
from time import perf_counter

import psutil

from bench.machine import busy_s, cpu_s


class Meter:
    """Counts events and takes the CPU from the first one to the last commit."""

    def __init__(self, events: int) -> None:
        """Expect that many events."""
        self.applied = 0
        self._events = events
        self._began: tuple[float, float, float] | None = None

    def begin(self) -> None:
        """Start the clocks at the first call."""
        if self._began is None:
            self._began = (perf_counter(), cpu_s(), busy_s())

    def is_complete(self) -> bool:
        """Tell whether all events were applied."""
        return self.applied >= self._events

    def report(self) -> None:
        """Print what was measured as JSON and end this process."""
        wall, cpu, busy = self._began or (0.0, 0.0, 0.0)
        told = {
            "events": self.applied,
            "wall_s": perf_counter() - wall,
            "cpu_s": cpu_s() - cpu,
            "busy_s": busy_s() - busy,
            "rss_mb": psutil.Process().memory_info().rss >> 20,
        }
        sys.stdout.write("\n" + json.dumps(told) + "\n")  # Faust may have begun a line
        sys.stdout.flush()
        os._exit(0)
