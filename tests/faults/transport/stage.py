"""One deployment of the toy stream on which a fault is played: its workers under supervisors, and what they say."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Final

import msgspec
import psutil
from confluent_kafka.admin import AdminClient

from agents.transport.supervisor import Command, Supervisor
from tests.faults.transport.progress import Progress
from tests.toy_deployment import PARTITIONS, ToyDeployment
from tests.witness import QUIET, Column

if TYPE_CHECKING:
    from tests.faults.transport.fault import Fault
    from tests.faults.transport.grounds import Ground

PATIENCE_S: Final = 120.0
POLL_S: Final = 0.02
MIB: Final = 1 << 20
BUSY: Final = "while True: pass"
WORKER: Final = "tests.faults.transport.worker"


class Stalled(Exception):
    """What was waited for did not come."""


class Stage:
    """What a fault may do and see."""

    def __init__(self, ground: Ground, fault: Fault, seed: int, home: Path) -> None:
        self.ground = ground
        self.fault = fault
        self.home = home
        self.chance = random.Random(f"{fault.name}-{seed}")
        self.deployment = ToyDeployment(ground.address, home, text="x" * 20)
        self.events = sum(flow.events for flow in fault.flows)
        self.progress = Progress(ground.address, self.deployment.topic("events"), PARTITIONS)
        self.told: list[str] = []  # by supervisors
        self.notes: list[str] = []  # by the fault, for the record
        self.codes: dict[str, int] = {}  # of supervisors that have ended
        self.rss_mb_max = 0
        self.source: list[Column] | None = None  # what was fed, once its topic no longer tells
        self.feeding: asyncio.Task[int]
        self.poisoned = 0  # records that were fed
        self._supervisors: dict[str, Supervisor] = {}
        self._running: dict[str, asyncio.Task[int]] = {}
        self._busy: list[subprocess.Popen[bytes]] = []

    # ------------------------------------------------------------------------------------------------- workers

    def start(self, *names: str) -> None:
        """Start workers, each under a supervisor of its own."""
        for name in names:
            argv = [sys.executable, "-m", WORKER, name, msgspec.json.encode(self.fault.setup).decode()]
            environment = self.deployment.environment(CONTINUO_BROKER=self.ground.workers_at)
            environment |= self.ground.environment(self.home)
            command = Command(argv, f"{self.deployment.group}-{name}", environment, self.log(name))
            supervisor = Supervisor(self.ground.workers_at, self.deployment.group, [command], self.told.append)
            self._supervisors[name] = supervisor
            self._running[name] = asyncio.create_task(supervisor.run(), name=name)

    async def stop(self, *names: str) -> None:
        """Have workers drain, and wait until they have."""
        for name in names:
            self._supervisors[name].stop()
        for name in names:
            self.codes[name] = await self._running.pop(name)
            del self._supervisors[name]

    async def stop_all(self) -> None:
        """Have all workers drain."""
        await self.stop(*self._running)

    async def close(self) -> None:
        """End whatever still runs."""
        for one in self._busy:
            one.kill()
            one.wait()
        for pid in self.pids().values():
            self._signal(pid, signal.SIGCONT)
        for supervisor in self._supervisors.values():
            supervisor.kill()
        await asyncio.gather(*self._running.values())

    def pids(self) -> dict[str, int]:
        """Return the process ids of the workers that run, by name."""
        return {name: pid for name, one in self._supervisors.items() for pid in one.pids().values()}

    def kill(self, name: str = "") -> str:
        """Kill a worker with -9, one of those that run if none is named; return its name, "" when there was none."""
        pids = self.pids()
        chosen = name or (self.chance.choice(sorted(pids)) if pids else "")
        return chosen if chosen in pids and self._signal(pids[chosen], signal.SIGKILL) else ""

    def freeze(self, name: str) -> bool:
        """Let a worker stand still; tell whether it was there."""
        return name in self.pids() and self._signal(self.pids()[name], signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        """Let it go on."""
        if name in self.pids():
            self._signal(self.pids()[name], signal.SIGCONT)

    def ask_whereabouts(self) -> None:
        """Have every worker write into its log where it stands."""
        for pid in self.pids().values():
            self._signal(pid, signal.SIGUSR2)

    def burden(self, processes: int) -> None:
        """Keep the machine busy with something else."""
        self._busy += [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(processes)]

    # ------------------------------------------------------------------------------------------- what is on record

    def log(self, name: str) -> Path:
        """Return the file of what a worker says."""
        return self.home / f"{name}.log"

    def logged(self, words: str) -> int:
        """Count the lines of the workers' logs that contain these words."""
        texts = [path.read_text(errors="replace") for path in self.home.glob("*.log")]
        return sum(words in line for text in texts for line in text.splitlines())

    def ended(self, how: str) -> int:
        """Count how often a worker ended that way, as its supervisor told it: "Killed", "exit code 70"."""
        return sum(f"({how})" in line for line in self.told)

    def note(self, line: str) -> None:
        """Put something on record."""
        self.notes.append(line)

    # ------------------------------------------------------------------------------------------------- waiting

    async def wait(self, condition: Callable[[], bool], what: str, patience_s: float = PATIENCE_S) -> None:
        """Return as soon as the condition holds; raises Stalled when it does not in time, or when nobody works."""
        deadline = monotonic() + patience_s
        while not condition():
            if self._running and all(task.done() for task in self._running.values()):
                raise Stalled(f"no worker will be started again while waiting for {what}: {self.told[-2:]}")
            if monotonic() >= deadline:
                raise Stalled(f"waited {patience_s:g} s for {what}; committed {self.progress.counts}")
            self._weigh()
            await asyncio.sleep(POLL_S)

    async def wait_share(self, share: float) -> None:
        """Wait until that share of all events is committed."""
        await self.wait(lambda: self.progress.total >= self.events * share, f"{share:.0%} of the events")

    async def wait_some_time(self, seconds: float) -> None:
        """Let time pass that is part of the fault, and wait for nothing."""
        await asyncio.sleep(seconds)

    async def wait_all_refused(self) -> None:
        """Wait until every worker has refused to go on, and will not be started again."""
        ended = asyncio.gather(*map(asyncio.shield, self._running.values()))
        try:
            await asyncio.wait_for(ended, PATIENCE_S)
        except TimeoutError:
            raise Stalled(f"waited {PATIENCE_S:g} s for all workers to refuse: {self.told[-3:]}") from None

    async def wait_members(self, are_there: Callable[[int], bool]) -> None:
        """Wait until the number of the group's members is right, whether it is at rest or not."""
        admin = AdminClient({**QUIET, "bootstrap.servers": self.ground.address})

        def count() -> int:
            described = admin.describe_consumer_groups([self.deployment.group])
            return len(described[self.deployment.group].result(10).members)

        deadline = monotonic() + PATIENCE_S
        while not are_there(await asyncio.to_thread(count)):
            if monotonic() >= deadline:
                raise Stalled(f"waited {PATIENCE_S:g} s for members to come or go")

    def _weigh(self) -> None:
        for pid in self.pids().values():
            try:
                self.rss_mb_max = max(self.rss_mb_max, psutil.Process(pid).memory_info().rss // MIB)
            except psutil.Error:
                continue

    def _signal(self, pid: int, number: signal.Signals) -> bool:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return False
        return True
