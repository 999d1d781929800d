"""A deployment of the whole stream under fire: every process supervised, some killed with -9 while it is fed."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from time import monotonic
from typing import Any, Final

from agents.codecs.avro import encode_model_version, encode_tick
from agents.transport.supervisor import Command, Supervisor, Tell
from streams.records import ModelVersion, Tick
from tests.brokers import free_port
from tests.faults.case import Fed
from tests.faults.log import Log, decode, read_log
from tests.processes import Deployment
from tests.witness import Seen, Tail, read, unread

ROOT: Final = Path(__file__).resolve().parents[2]
PATIENCE_S: Final = 120.0
POLL_S: Final = 0.02
QUIET_MS: Final = 12 * 3_600_000  # longer than any quiet hours with their jitter
WORKERS: Final = ("w0", "w1")
MODEL: Final = "model next_purchase"
OTHERS: Final = (MODEL, "trainer next_purchase", "trainer lapse", "channel run receipt email app")  # of grocery
TRIGGER: Final = "basket_completed"
FOLLOWED: Final = {"events": "event", "decisions": "decision", "rewards": "reward"}


class Watch:
    """Follows the committed outputs while they come, and counts what a feeder and a killer wait for."""

    def __init__(self, deployment: Deployment) -> None:
        self.counts: Final[Counter[str]] = Counter()
        self._tails: Final = {
            noun: Tail(deployment.broker, deployment.topic(noun), deployment.partitions) for noun in FOLLOWED
        }
        self._read: Final = dict.fromkeys(FOLLOWED, 0)

    def look(self) -> Counter[str]:
        """Take what has come, and return the counts."""
        for noun, tail in self._tails.items():
            tail.count(0)
            for _, _, value in tail.seen[self._read[noun] :]:
                self._note(noun, decode(value or b"", FOLLOWED[noun]))
            self._read[noun] = len(tail.seen)
        return self.counts

    def close(self) -> None:
        """Stop following."""
        for tail in self._tails.values():
            tail.close()

    def _note(self, noun: str, told: dict[str, Any]) -> None:
        if noun == "events":
            kind = "reports" if told["type"].startswith("activation_") else "accepted"
            self.counts[kind] += 1
            self.counts["triggers"] += told["type"] == TRIGGER
        elif noun == "decisions":
            self.counts["redecided" if told["trigger_type"] == "deferral" else "decisions"] += 1
            self.counts[f"decisions under {told['policy_hash']}"] += 1
            self.counts["deferred"] += told["source"] == "deferred"
            self.counts["acted"] += told["source"] not in ("none", "deferred")
            self.counts["sent"] += told["action"] is not None
        else:
            self.counts[told["status"]] += 1


class Storm:
    """One deployment, its supervisors, and the one who kills."""

    def __init__(
        self,
        deployment: Deployment,
        chance: random.Random,
        *,
        lockstep: bool = False,
        code: Path = ROOT,
        tell: Tell = print,
    ) -> None:
        """Prepare; `tell` gets a line for each process that starts or ends; pytest shows prints where a test fails.

        code: the checkout from which processes are started.
        """
        self.deployment: Final = deployment
        self._tell: Final = tell
        self.chance: Final = chance
        self.killed: Final[Counter[str]] = Counter()
        self._code = code
        self._environment: Final = {
            **{name: value for name, value in deployment.environment.items() if name.startswith("CONTINUO_")},
            "CONTINUO_LOG_LEVEL": "warning",
            "CONTINUO_LOCKSTEP": str(lockstep).lower(),
        }
        self._lines: dict[str, str] = {}  # what each process is told, by its name
        self._supervisors: Final[dict[str, Supervisor]] = {}  # one each
        self._running: Final[dict[str, asyncio.Task[int]]] = {}
        self.watch: Watch

    @asynccontextmanager
    async def raging(self, *others: str) -> AsyncIterator[Storm]:
        """Run two workers and others (`model next_purchase`), restarted when they die; all drain at the end."""
        port = free_port()  # with its neighbour
        workers = {name: f"worker --name {name} --web-port {port + n}" for n, name in enumerate(WORKERS)}
        self._lines = workers | {one: one for one in others}
        self.watch = Watch(self.deployment)
        self.deployment.home.mkdir(parents=True, exist_ok=True)
        for name in self._lines:
            self._start(name)
        try:
            yield self
            await self._drain(*self._lines)
        finally:
            self.watch.close()
            for supervisor in self._supervisors.values():
                supervisor.kill()
            await asyncio.gather(*self._running.values())

    async def replace(self, name: str, code: Path) -> None:
        """Have a process drain, and start it again from another checkout."""
        await self._drain(name)
        self._code = code
        self._start(name)

    def pids(self, *names: str) -> dict[str, int]:
        """Return the ids of these processes, by name; of those that run."""
        found = {name: list(self._supervisors[name].pids().values()) for name in names}
        return {name: pid for name, pids in found.items() for pid in pids}

    async def wait_count(self, name: str, at_least: int) -> None:
        """Return as soon as so many were seen; fail when for a time none comes."""
        last, deadline = -1, 0.0
        while (now := self.watch.look()[name]) < at_least:
            if now > last:
                last, deadline = now, monotonic() + PATIENCE_S
            assert not any(one.done() for one in self._running.values()), "a process refuses to go on"
            assert monotonic() < deadline, f"{at_least} {name} wanted, none in {PATIENCE_S:g} s: {self.watch.counts}"
            await asyncio.sleep(POLL_S)

    async def wait_rounds_open(self) -> int:
        """Return how many rounds are open, as soon as some are."""
        counts = self.watch.counts
        await self.wait_count("triggers", self.watch.look()["decisions"] + 1)
        return counts["triggers"] - counts["decisions"]

    async def wait_settled(self, last_at: int, lasts_ms: int) -> None:
        """Return when all that was fed has led to all it leads to.

        last_at: of the last event; the clocks of all partitions move on from there until nothing is deferred any more,
        and then by `lasts_ms`.
        """
        counts = self.watch.counts
        await self.wait_count("decisions", counts["triggers"])
        await self.wait_count("reports", counts["sent"])
        while counts["redecided"] < (deferred := counts["deferred"]):
            last_at += QUIET_MS
            self.tick(last_at)
            await self.wait_count("redecided", deferred)
        await self.wait_count("reports", counts["sent"])
        await self.wait_read()
        self.tick(last_at + lasts_ms)
        await self.wait_count("final", counts["acted"] * len(self.deployment.policy.outcomes))

    async def wait_read(self) -> None:
        """Return when nothing waits of what was written: a repeat must not outlive the memory of its id."""
        deployment, deadline = self.deployment, monotonic() + PATIENCE_S
        for noun in ("raw-events", "routed-events"):  # in the order of the way
            where = (deployment.broker, deployment.namespace, deployment.topic(noun), deployment.partitions)
            while left := await asyncio.to_thread(unread, *where):
                assert monotonic() < deadline, f"{left} records of {noun} wait for more than {PATIENCE_S:g} s"
                await asyncio.sleep(POLL_S)

    async def wait_killed(self, *names: str) -> None:
        """Return when one of these is killed; one that died and of which nobody has heard yet is not there."""
        deadline = monotonic() + PATIENCE_S
        while monotonic() < deadline:
            name = self.chance.choice(names)
            try:
                os.kill(self.pids(name)[name], signal.SIGKILL)
            except (KeyError, ProcessLookupError):
                await asyncio.sleep(POLL_S)
                continue
            self.killed[name] += 1
            return
        raise AssertionError(f"none of {names} ran in {PATIENCE_S:g} s")

    def feed(self, fed: list[Fed]) -> None:
        """Write records as a producer does; which is not the way of the processes under test."""
        self.deployment.feed("raw-events", [(one.partition, one.key, one.value) for one in fed])

    def tick(self, at: int) -> None:
        """Move the clock of every partition to `at`."""
        value = encode_tick(Tick(at))
        self.deployment.feed("ticks", [(partition, None, value) for partition in range(self.deployment.partitions)])

    def publish(self, version: ModelVersion) -> None:
        """Publish a version of a model."""
        self.deployment.feed(
            "models", [(0, f"{version.model}/{version.version}".encode(), encode_model_version(version))]
        )

    async def kill_worker(self) -> None:
        """Kill one of the workers, as soon as one runs."""
        await self.wait_killed(*WORKERS)

    async def kill_other(self, name: str) -> None:
        """Kill the process of that name, as soon as it runs."""
        await self.wait_killed(name)

    @contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """Let a process stand still meanwhile."""
        pid = self.pids(name)[name]
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def log(self) -> Log:
        """Return all that the topics hold now, as another client reads it."""
        deployment = self.deployment

        def stands(noun: str, model: str, partitions: int) -> list[Seen]:
            return read(deployment.broker, deployment.topic(noun, model), partitions)

        return read_log(stands, deployment.partitions, sorted(deployment.policy.models))

    def _start(self, name: str) -> None:
        """Start a process under a supervisor of its own; only of workers is the group told when they die."""
        space = self.deployment.namespace
        client_id, group = (f"{space}-{name}", space) if name in WORKERS else (name, "")
        argv = [sys.executable, "-P", "-m", "agents", *self._lines[name].split()]  # -P: not from the current folder
        environment = self._environment | {"PYTHONPATH": str(self._code)}
        command = Command(argv, client_id, environment, self.deployment.log(name.replace(" ", "-")))
        self._supervisors[name] = Supervisor(self.deployment.broker, group, [command], self._tell)
        self._running[name] = asyncio.create_task(self._supervisors[name].run())

    async def _drain(self, *names: str) -> None:
        for name in names:
            self._supervisors[name].stop()
        assert not any(await asyncio.gather(*(self._running.pop(name) for name in names))), "a process refused to go on"
