"""The processes of a deployment: which ones a policy needs, and how they run, are told of and end together.

Theory of operation. Each process is a `continuo` command under the supervisor, with these settings as its environment
and a log of its own. They end in the order of KINDS: the door is shut first; a worker that drains neither waits for a
model nor for a delivery channel (open rounds are rows, activations are on their topic), and whoever serves it ends
after it.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final, NoReturn

import psutil

from agents.errors import UserError
from agents.settings import Settings
from agents.transport.supervisor import Command, Supervisor
from streams.policy import Policy

KINDS: Final = ("api", "worker", "model", "trainer", "channel")  # commands of processes, in the order in which they end
LAST_WORDS: Final = 8  # lines
MIB: Final = 1 << 20

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Role:
    """One process: its name, its `continuo` command, its web port, and the group that it is a member of, "" = none."""

    name: str
    command: tuple[str, ...]
    web_port: int
    group: str = ""

    @property
    def kind(self) -> str:
        """Return which of KINDS it is."""
        return self.command[0]

    @property
    def arguments(self) -> tuple[str, ...]:
        """Return what follows `continuo` on the command line."""
        return (*self.command, "--port" if self.kind == "api" else "--web-port", str(self.web_port))


@dataclass(frozen=True)
class ApiPlan:
    """The HTTP API: the file of those who may call it, and its port."""

    callers: Path
    port: int


@dataclass(frozen=True)
class Cost:
    """What a process takes."""

    cpu_s: float  # since it started
    rss_mb: float


def plan(
    policy: Policy,
    namespace: str,
    workers: Sequence[int],
    spare: Iterator[int],
    kinds: Collection[str] = KINDS,
    door: ApiPlan | None = None,
) -> list[Role]:
    """Return the processes that a policy needs, those of `kinds` only.

    They are one worker for each web port of `workers`, one process for each model that is asked by topic, one trainer
    for each model that has one, and one process for all delivery channels; these take their web ports from `spare`.
    Where there is a `door`, the HTTP API is one more.
    """
    models = sorted(policy.models.values(), key=lambda model: model.name)
    others = [
        *((f"model-{model.name}", ("model", model.name)) for model in models if not model.inline),
        *((f"trainer-{model.name}", ("trainer", model.name)) for model in models if model.has_trainer),
        ("channels", ("channel", "run", *sorted(policy.channels))),
    ]
    roles = [
        Role(f"worker-{number}", ("worker", "--name", f"worker-{number}"), port, namespace)
        for number, port in enumerate(workers)
        if "worker" in kinds
    ]
    if door is not None and "api" in kinds:
        roles.append(Role("api", ("api", "--callers", str(door.callers)), door.port))
    return roles + [Role(name, command, next(spare)) for name, command in others if command[0] in kinds]


def told_ports(roles: Iterable[Role]) -> str:
    """Say where each process tells how it fares."""
    told = ", ".join(f"{role.name} {role.web_port}" for role in roles)
    return f"/metrics, /health and /ready of each process on 127.0.0.1: {told}"


class Deployment:
    """Runs the processes of some roles."""

    def __init__(self, settings: Settings, roles: Sequence[Role], tell: Tell = print) -> None:
        """Prepare to run them under these settings; `tell` gets a line for each process that starts or ends."""
        self._settings: Final = settings
        self._roles: Final = sorted(roles, key=lambda role: KINDS.index(role.kind))
        self._supervisors: Final = {role.name: self._supervisor(role, tell) for role in self._roles}
        self._tasks: Final[dict[str, asyncio.Task[int]]] = {}

    def start(self) -> None:
        """Start all processes; the logs of an earlier start are kept as `<name>.log.1`."""
        self.log("").parent.mkdir(parents=True, exist_ok=True)
        for name, supervisor in self._supervisors.items():
            if self.log(name).exists():
                self.log(name).replace(self.log(name).with_suffix(".log.1"))
            self._tasks[name] = asyncio.create_task(supervisor.run(), name=name)

    async def stop(self) -> None:
        """Have all processes drain, kind by kind, and return when the last one has ended."""
        for _, alike in groupby(self._roles, key=lambda role: role.kind):
            names = [role.name for role in alike]
            for name in names:
                self._supervisors[name].stop()
            await asyncio.gather(*(self._tasks[name] for name in names))

    def kill(self) -> None:
        """End all processes at once; what they had not committed never happened."""
        for supervisor in self._supervisors.values():
            supervisor.kill()

    async def wait_failure(self) -> NoReturn:
        """Wait until a process will not be started again, and raise UserError with its last words."""
        done, _ = await asyncio.wait(self._tasks.values(), return_when=asyncio.FIRST_COMPLETED)
        task = next(iter(done))
        name = task.get_name()
        raise UserError(
            f"{name} ended with code {task.result()} and is not started again. Its last words:\n"
            f"{self.last_words(name)}\nMore in {self.log(name)}"
        )

    async def wait_no_worker(self) -> int:
        """Return the exit code when no worker, or none of the first kind that there is, will be started again."""
        kinds = [role.kind for role in self._roles]
        first = "worker" if "worker" in kinds else kinds[0]
        tasks = [self._tasks[role.name] for role in self._roles if role.kind == first]
        return max(await asyncio.gather(*map(asyncio.shield, tasks)))

    def pids(self) -> dict[str, int]:
        """Return the ids of the processes that run, by name."""
        return {name: pid for name, one in self._supervisors.items() for pid in one.pids().values()}

    def costs(self) -> dict[str, Cost]:
        """Return what each process that runs takes now."""
        found = {}
        for name, pid in self.pids().items():
            with suppress(psutil.Error):
                process = psutil.Process(pid)
                times = process.cpu_times()
                found[name] = Cost(times.user + times.system, process.memory_info().rss / MIB)
        return found

    def log(self, name: str) -> Path:
        """Return the file to which a process prints."""
        return self._settings.home / "logs" / f"{name}.log"

    def last_words(self, name: str) -> str:
        """Return the end of a process's log."""
        with self.log(name).open(encoding="utf-8", errors="replace") as lines:
            return "".join(f"  {line}" for line in deque(lines, LAST_WORDS)).rstrip()

    def _supervisor(self, role: Role, tell: Tell) -> Supervisor:
        argv = [sys.executable, "-m", "agents", *role.arguments]
        client_id = f"{self._settings.namespace}-{role.name}"
        command = Command(argv, client_id, self._settings.environment, self.log(role.name))
        return Supervisor(self._settings.bootstrap, role.group, [command], tell)


async def supervise(settings: Settings, roles: Sequence[Role], tell: Tell = print) -> int:
    """Run these processes until SIGTERM or ctrl-C; a second one kills them.

    Returns 0, or the exit code of the last worker if none of them will be started again.
    """
    told = asyncio.Event()
    async with running(settings, roles, tell) as deployment:

        def end() -> None:
            if told.is_set():
                tell("killing what still runs")
                deployment.kill()
            else:
                tell("draining; once more kills")
                told.set()

        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, end)
        over = asyncio.create_task(deployment.wait_no_worker())
        until_told = asyncio.create_task(told.wait())
        await asyncio.wait({over, until_told}, return_when=asyncio.FIRST_COMPLETED)
        until_told.cancel()
    code = await over
    return 0 if told.is_set() else code


@asynccontextmanager
async def running(settings: Settings, roles: Sequence[Role], tell: Tell = print) -> AsyncIterator[Deployment]:
    """Run these processes within the block; whatever ends it, they drain and none of them is left behind."""
    deployment = Deployment(settings, roles, tell)
    deployment.start()
    try:
        yield deployment
    finally:
        await deployment.stop()
