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
from agents.transport.supervisor import Command, Supervisor
from streams.records import ModelVersion, Tick
from tests.brokers import free_port
from tests.faults.case import Fed
from tests.faults.log import Log, decode, read_log
from tests.processes import Deployment
from tests.witness import Seen, Tail, read

PATIENCE_S: Final = 120.0
POLL_S: Final = 0.02
WORKERS: Final = ("w0", "w1")
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
            self.counts["decisions"] += 1
            self.counts["acted"] += told["source"] != "none"
            self.counts["sent"] += told["action"] is not None
        else:
            self.counts[told["status"]] += 1


class Storm:
    """One deployment, its supervisors, and the one who kills."""

    def __init__(self, deployment: Deployment, chance: random.Random, *, lockstep: bool = False) -> None:
        self.deployment: Final = deployment
        self.chance: Final = chance
        self.killed: Final[Counter[str]] = Counter()
        self.environment: Final = {
            **{name: value for name, value in deployment.environment.items() if name.startswith("CONTINUO_")},
            "CONTINUO_LOG_LEVEL": "warning",
            "CONTINUO_LOCKSTEP": str(lockstep).lower(),
            "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
        }
        self._running: list[asyncio.Task[int]] = []
        self.watch: Watch
        self.workers: Supervisor
        self.others: Supervisor

    @asynccontextmanager
    async def raging(self, *others: str) -> AsyncIterator[Storm]:
        """Run two workers and others (`model next_purchase`), restarted when they die; all drain at the end."""
        space = self.deployment.namespace
        port = free_port()  # with its neighbour
        workers = [self._command(name, f"worker --name {name} --web-port {port + n}") for n, name in enumerate(WORKERS)]
        self.workers = Supervisor(self.deployment.broker, space, workers, self._tell)
        self.others = Supervisor(self.deployment.broker, "", [self._command(one, one) for one in others], self._tell)
        self.watch = Watch(self.deployment)
        self.deployment.home.mkdir(parents=True, exist_ok=True)
        running = self._running = [asyncio.create_task(one.run()) for one in (self.others, self.workers)]
        try:
            yield self
            self.workers.stop()
            self.others.stop()
            assert await asyncio.gather(*running) == [0] * len(running), "a process refused to go on"
        finally:
            self.watch.close()
            self.workers.kill()
            self.others.kill()
            await asyncio.gather(*running)

    async def wait_count(self, name: str, at_least: int) -> None:
        """Return as soon as so many were seen; fail when for a time none comes."""
        last, deadline = -1, 0.0
        while (now := self.watch.look()[name]) < at_least:
            if now > last:
                last, deadline = now, monotonic() + PATIENCE_S
            assert not any(one.done() for one in self._running), "the processes of a supervisor refuse to go on"
            assert monotonic() < deadline, f"{at_least} {name} wanted, none in {PATIENCE_S:g} s: {self.watch.counts}"
            await asyncio.sleep(POLL_S)

    async def wait_rounds_open(self) -> int:
        """Return how many rounds are open, as soon as some are."""
        counts = self.watch.counts
        await self.wait_count("triggers", self.watch.look()["decisions"] + 1)
        return counts["triggers"] - counts["decisions"]

    async def wait_killed(self, supervisor: Supervisor, names: list[str]) -> None:
        """Return when one of these is killed; one that died and of which the supervisor is yet to hear is not there."""
        deadline = monotonic() + PATIENCE_S
        while monotonic() < deadline:
            pids = supervisor.pids()
            name = self.chance.choice(names)
            try:
                os.kill(pids[name], signal.SIGKILL)
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
        await self.wait_killed(self.workers, [f"{self.deployment.namespace}-{name}" for name in WORKERS])

    async def kill_other(self, name: str) -> None:
        """Kill the process of that name, as soon as it runs."""
        await self.wait_killed(self.others, [name])

    @contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """Let a process stand still meanwhile."""
        pid = self.others.pids()[name]
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

    def _command(self, name: str, line: str) -> Command:
        space = self.deployment.namespace
        client_id = f"{space}-{name}" if name in WORKERS else name
        argv = [sys.executable, "-m", "agents", *line.split()]
        return Command(argv, client_id, self.environment, self.deployment.log(name.replace(" ", "-")))

    def _tell(self, line: str) -> None:
        print(line)  # noqa: T201 — pytest shows it when the test fails
