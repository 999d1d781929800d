"""What a peer costs, read from outside at the two words it says: one meter for every language.

CPU is that of the process with all its threads, dead ones included, to the nanosecond: the kernel's own clock of the
process. The broker's is apart. What others used of the machine meanwhile is what is left of its busy time.
"""

from __future__ import annotations

import os
import queue
import subprocess
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Self

import psutil

LAST_WORDS: Final = 1_500  # characters
MIB: Final = 1 << 20


@dataclass(frozen=True)
class Reading:
    """All clocks at one instant, in seconds."""

    wall_s: float
    cpu_s: float  # of the processes that are measured
    broker_s: float
    harness_s: float  # ours, and of those who feed and listen for us
    busy_s: float  # of the whole machine

    def since(self, before: Reading) -> dict[str, float]:
        """Return what passed, and the share of the machine that others used."""
        passed = {name: getattr(self, name) - getattr(before, name) for name in self.__dataclass_fields__}
        ours = passed["cpu_s"] + passed["broker_s"] + passed["harness_s"]
        others = max(0.0, passed["busy_s"] - ours) / max(passed["wall_s"], 1e-9) / (os.cpu_count() or 1)
        return {name: passed[name] for name in ("wall_s", "cpu_s", "broker_s")} | {"others": others}


def read(pids: Iterable[int], broker_pid: int, helpers: Iterable[int] = ()) -> Reading:
    """Read all clocks now."""
    times = psutil.cpu_times()
    return Reading(
        time.monotonic(),
        sum(map(cpu_s, pids)),
        cpu_s(broker_pid),
        time.process_time() + sum(map(cpu_s, helpers)),
        float(times.user + times.nice + times.system),
    )


def cpu_s(pid: int) -> float:
    """Return the CPU that a process has used so far, all threads; 0 if it is gone."""
    try:
        return time.clock_gettime(~pid << 3 | 2)  # the kernel's number for "CPU clock of that process"
    except OSError:
        return 0.0


class Program:
    """A peer that runs: what it says, what it costs, and its end."""

    def __init__(self, command: Sequence[str], environment: dict[str, str], log: Path) -> None:
        """Start it; what it says beside the two words goes to `log`."""
        self._log = log
        self._words: queue.Queue[str | None] = queue.Queue()
        with log.open("ab") as said:
            self._process = subprocess.Popen(
                list(command), env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said, text=True
            )
        self.pid = self._process.pid
        self._listener = threading.Thread(target=self._listen, args=(self._process.stdout,), daemon=True)
        self._listener.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def wait_word(self, word: str, patience_s: float) -> str:
        """Wait until it says `word` and return the rest of that line.

        Ends the benchmark, with its last words, when it does not come in time or the program ends.
        """
        deadline = time.monotonic() + patience_s
        while True:
            with suppress(queue.Empty):
                heard = self._words.get(timeout=max(0.0, deadline - time.monotonic()))
                if heard is not None and heard.partition(" ")[0] == word:
                    return heard.partition(" ")[2]
                if heard is not None:
                    continue
                raise SystemExit(f"{self._name()} ended (code {self._process.wait()}) before `{word}`:\n{self._last()}")
            raise SystemExit(f"{self._name()} did not say `{word}` within {patience_s:g} s:\n{self._last()}")

    def rss_mb(self) -> int:
        """Return how much memory it holds."""
        return int(psutil.Process(self.pid).memory_info().rss // MIB)

    def kill(self) -> None:
        """Kill -9, and wait until it is gone."""
        self._process.kill()
        self._process.wait()
        self._listener.join()

    def _listen(self, said: IO[str]) -> None:
        with said:
            for line in said:
                self._words.put(line.strip())
        self._words.put(None)

    def _name(self) -> str:
        return " ".join(map(str, self._process.args))[:120]  # type: ignore[arg-type]  # a list

    def _last(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")[-LAST_WORDS:] or "(it said nothing)"


def wall_ms() -> int:
    """Return the wall clock as records have it."""
    return time.time_ns() // 1_000_000
