"""The processes of a deployment, each a `continuo` command under a supervisor, and what they cost."""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import psutil

from agents.broker import ports
from agents.demo.estate import Estate
from agents.errors import UserError
from agents.transport.supervisor import Command, Supervisor
from streams.policy import Policy

LAST_WORDS: Final = 8  # lines of the log of a process that will not run
WEB_PORT_FIRST: Final = 6066
MIB: Final = 1 << 20


@dataclass(frozen=True)
class Role:
    """One process: its name, the `continuo` command that it runs, and the group it is a member of."""

    name: str
    arguments: Sequence[str]
    group: str


@dataclass(frozen=True)
class Cost:
    """What a process takes."""

    cpu_s: float  # since it started
    rss_mb: float


def roles(policy: Policy, namespace: str, web_ports: Sequence[int]) -> list[Role]:
    """Return the processes of a deployment: a worker for each web port, models and trainers, one for all channels."""
    asked = [model.name for model in policy.models.values() if not model.inline]
    taught = [model.name for model in policy.models.values() if model.gives == "propensity" and model.label]
    workers = [
        Role(f"worker-{number}", ("worker", "--name", f"worker-{number}", "--web-port", str(port)), namespace)
        for number, port in enumerate(web_ports)
    ]
    return [
        *workers,
        *(Role(f"model-{name}", ("model", name), f"{namespace}.model.{name}") for name in asked),
        *(Role(f"trainer-{name}", ("trainer", name), f"{namespace}.trainer.{name}") for name in taught),
        Role("channels", ("channel", *policy.channels), f"{namespace}.channel"),
    ]


def free_web_ports(count: int) -> list[int]:
    """Return ports that nobody listens on."""
    found = [port for port in range(WEB_PORT_FIRST, WEB_PORT_FIRST + 1_000) if ports.is_free(port)]
    return found[:count]


class Crew:
    """Runs the processes of an estate."""

    def __init__(self, estate: Estate, parts: Iterable[Role]) -> None:
        self._estate: Final = estate
        self._supervisors: Final[dict[str, Supervisor]] = {}
        for role in parts:
            argv = [sys.executable, "-m", "agents", *role.arguments]
            name = f"{estate.namespace}-{role.name}"
            command = Command(argv, name, estate.environment, estate.log(role.name))
            self._supervisors[role.name] = Supervisor(estate.servers, role.group, [command])
        self._tasks: list[asyncio.Task[int]] = []

    def start(self) -> None:
        """Start all processes."""
        self._tasks = [asyncio.create_task(one.run(), name=name) for name, one in self._supervisors.items()]

    async def stop(self) -> None:
        """Have all processes drain and wait until they have ended."""
        for supervisor in self._supervisors.values():
            supervisor.stop()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def wait_failure(self) -> None:
        """Return never, unless a process refuses to go on: then raise UserError with its last words."""
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        task = next(iter(done))
        raise UserError(
            f"{task.get_name()} ended with code {task.result()} and is not restarted. Its last words:\n"
            f"{self.last_words(task.get_name())}\nMore in {self._estate.log(task.get_name())}"
        )

    def last_words(self, name: str) -> str:
        """Return the end of a process's log."""
        with self._estate.log(name).open(encoding="utf-8", errors="replace") as lines:
            return "".join(f"  {line}" for line in deque(lines, LAST_WORDS)).rstrip()

    def costs(self) -> dict[str, Cost]:
        """Return what each process that runs takes now."""
        found = {}
        for name, supervisor in self._supervisors.items():
            for pid in supervisor.pids().values():
                with suppress(psutil.Error):
                    process = psutil.Process(pid)
                    times = process.cpu_times()
                    found[name] = Cost(times.user + times.system, process.memory_info().rss / MIB)
        return found
