"""How a process of a benchmark measures itself."""

from __future__ import annotations

import json
import os
import sys
from time import perf_counter
from typing import Final

import psutil

from bench.machine import busy_s, cpu_s

BROKER_PID: Final = "BENCH_BROKER_PID"


class Meter:
    """Counts events and takes the CPU from the first one to the last commit."""

    def __init__(self, events: int) -> None:
        """Expect that many events."""
        self.applied = 0
        self._events = events
        self._broker = psutil.Process(int(os.environ[BROKER_PID]))
        self._began: tuple[float, float, float, float] | None = None

    def begin(self) -> None:
        """Start the clocks at the first call."""
        if self._began is None:
            self._began = (perf_counter(), cpu_s(), self._broker_s(), busy_s())

    def is_complete(self) -> bool:
        """Tell whether all events were applied."""
        return self.applied >= self._events

    def report(self) -> None:
        """Print what was measured as JSON and end this process."""
        wall, cpu, broker, busy = self._began or (0.0, 0.0, 0.0, 0.0)
        told = {
            "events": self.applied,
            "wall_s": perf_counter() - wall,
            "cpu_s": cpu_s() - cpu,
            "broker_s": self._broker_s() - broker,
            "busy_s": busy_s() - busy,
            "rss_mb": psutil.Process().memory_info().rss >> 20,
        }
        sys.stdout.write("\n" + json.dumps(told) + "\n")  # Faust may have begun a line
        sys.stdout.flush()
        os._exit(0)

    def _broker_s(self) -> float:
        times = self._broker.cpu_times()
        return float(times.user + times.system)
