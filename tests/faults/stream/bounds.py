"""What must stay bounded while a whole stream is broken and goes on: lag, memory, open transactions, disk."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Final

import psutil

from tests.faults.storm import OTHERS, WORKERS
from tests.faults.stream.transactions import StillLoading, open_transactions
from tests.processes import Deployment

EVERY_S: Final = 0.5
SETTLE_S: Final = 20.0  # for the last transactions to end
LAG_S_MAX: Final = 60.0  # restarts, the back-off that a few kills in a minute lead to, and what was fed meanwhile
RSS_MIB_MAX: Final = 400  # of a worker, with the rows of its people
OPEN_MAX: Final = len(WORKERS) + len(OTHERS)  # a process has one at a time, and who comes after it ends what it left
DISK_BYTES_MAX: Final = 4_000  # of all topics, for each record fed
MIB: Final = 1 << 20
INTERNAL: Final = ("__transaction_state", "__consumer_offsets")


class Bounds(threading.Thread):
    """Looks now and then while a run goes on, and remembers the worst."""

    def __init__(self, deployment: Deployment, data: Path, pids: Callable[[], dict[str, int]]) -> None:
        """Prepare; data: folder of the broker's logs; pids: of the workers that run."""
        super().__init__(daemon=True)
        self.rss_mib_max = 0
        self.open_max = 0
        self.disk_bytes = 0  # at the end
        self._deployment: Final = deployment
        self._data: Final = data
        self._pids: Final = pids
        self._stopping: Final = threading.Event()
        self._internal_bytes: Final = self._weigh(INTERNAL)  # what runs before have left

    def run(self) -> None:
        """Look until `stop`."""
        while not self._stopping.wait(EVERY_S):
            for pid in self._pids().values():
                with suppress(psutil.Error):
                    self.rss_mib_max = max(self.rss_mib_max, psutil.Process(pid).memory_info().rss // MIB)
            with suppress(StillLoading, OSError):  # who does not answer on a machine that is taken is asked again
                self.open_max = max(self.open_max, len(self._open()))

    def stop(self) -> None:
        """End, and weigh what is on disk."""
        self._stopping.set()
        self.join()
        self.disk_bytes = self._weigh((f"{self._deployment.namespace}.", *INTERNAL)) - self._internal_bytes

    def passed(self, recovery_s: float, fed: int) -> list[str]:
        """Return which bounds were passed; recovery_s: until the lag was zero again; fed: records."""
        wrong = [] if self.rss_mib_max and self.open_max else ["bounds (nothing was seen to be bounded)"]
        if recovery_s > LAG_S_MAX:
            wrong.append(f"lag (was not zero for {recovery_s:.0f} s after a fault, {LAG_S_MAX:g} are allowed)")
        if self.rss_mib_max > RSS_MIB_MAX:
            wrong.append(f"memory (a worker took {self.rss_mib_max} MiB, {RSS_MIB_MAX} are allowed)")
        if self.open_max > OPEN_MAX:
            wrong.append(f"transactions ({self.open_max} were open at once, {OPEN_MAX} are allowed)")
        if left := self._wait_left_open():
            wrong.append(f"transactions left open ({left})")
        if self.disk_bytes > DISK_BYTES_MAX * fed:
            wrong.append(f"disk ({self.disk_bytes // fed} bytes for each record fed, {DISK_BYTES_MAX} are allowed)")
        return wrong

    def __str__(self) -> str:
        """Return the worst of each."""
        return f"{self.rss_mib_max} MiB, {self.open_max} open at once, {self.disk_bytes // MIB} MiB on disk"

    def _wait_left_open(self) -> list[str]:
        deadline = monotonic() + SETTLE_S
        while (left := self._open()) and monotonic() < deadline:
            sleep(EVERY_S)
        return left

    def _open(self) -> list[str]:
        all_open = [one.transactional_id for one in open_transactions(self._deployment.broker)]
        return [name for name in all_open if name.startswith(self._deployment.namespace)]

    def _weigh(self, prefixes: tuple[str, ...]) -> int:
        """Return how many bytes the folders of these topics take: the blocks, as indexes are files with holes."""
        folders = [folder for folder in self._data.iterdir() if folder.name.startswith(prefixes)]
        return sum(path.stat().st_blocks * 512 for folder in folders for path in folder.iterdir())
