"""The supervisor: keeps workers running, speaks for the dead, and takes everybody down in order.

Theory of operation. Workers crash rather than guess, so ending is normal and restarting is the supervisor's work: at
once at first, then with a back-off that doubles. The dead member is taken out of the group first, so that the others
take over in a fraction of a second instead of a session timeout. A worker holds the read end of a pipe whose write end
is ours: when we are gone, however that came, the worker reads the end of file and drains. It has a session of its own,
so that ctrl-C at a terminal reaches us alone and the order of the end is ours.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Final

import structlog
from aiokafka.errors import KafkaError

from agents.transport.errors import EXIT_REFUSED
from agents.transport.group import leave_group

BACK_OFF_S_MIN: Final = 0.2
BACK_OFF_S_MAX: Final = 30.0
STABLE_S: Final = 60.0  # a worker that ran so long has earned a fresh back-off
DRAIN_S: Final = 20.0  # below what container runtimes grant before they kill
LIFELINE: Final = "SUPERVISOR_PIPE_FD"  # not a setting: no person gives it

Tell = Callable[[str], None]

log = structlog.get_logger(__name__)


def tell_log(line: str) -> None:
    """Write what a supervisor has to say into the log."""
    log.info(line)


@dataclass(frozen=True)
class Command:
    """How to start one worker."""

    argv: Sequence[str]
    client_id: str  # as the worker tells the broker: whom to take out of the group
    env: dict[str, str]  # on top of ours
    log: Path | None = None  # where what it prints is appended; None = with what we print


class Supervisor:
    """Runs a number of workers until it is told to stop, or until none of them may be restarted."""

    def __init__(self, servers: str, group: str, commands: Sequence[Command], tell: Tell = tell_log) -> None:
        """Prepare to run each command as one worker of the group; without a group ("") nobody speaks for the dead.

        `tell` gets a line for each worker that starts or ends.
        """
        self._servers = servers
        self._group = group
        self._commands = commands
        self._tell = tell
        self._stopping = asyncio.Event()
        self._workers: dict[str, asyncio.subprocess.Process] = {}

    async def run(self) -> int:
        """Run all workers; return 0 after `stop`, or the exit code of the last worker that refused to go on."""
        codes = await asyncio.gather(*(self._keep(command) for command in self._commands))
        return 0 if self._stopping.is_set() else max(codes)

    def stop(self) -> None:
        """Have every worker drain; those that do not end within DRAIN_S are killed."""
        self._stopping.set()

    def kill(self) -> None:
        """End every worker at once; what it had not committed never happened."""
        self._stopping.set()
        for worker in self._workers.values():
            _send(worker, signal.SIGKILL)

    def pids(self) -> dict[str, int]:
        """Return the process ids of the workers that run, by client id."""
        return {client_id: worker.pid for client_id, worker in self._workers.items()}

    def stop_on_signals(self) -> None:
        """Stop on SIGTERM and SIGINT."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)

    async def _keep(self, command: Command) -> int:
        back_off_s = BACK_OFF_S_MIN
        while True:
            began = monotonic()
            code = await self._run_once(command)
            if self._stopping.is_set():
                self._tell(f"{command.client_id} ended ({_told(code)})")
                return code
            if code == EXIT_REFUSED:
                self._tell(
                    f"{command.client_id} refused to go on ({_told(code)}) and is not started again{_see(command)}"
                )
                return code
            if monotonic() - began >= STABLE_S:
                back_off_s = BACK_OFF_S_MIN
            self._tell(
                f"{command.client_id} ended ({_told(code)}) and is started again in {back_off_s:g} s{_see(command)}"
            )
            await self._speak_for(command)
            if await _is_set_within(self._stopping, back_off_s):
                return code
            back_off_s = min(back_off_s * 2, BACK_OFF_S_MAX)

    async def _run_once(self, command: Command) -> int:
        if command.log:
            command.log.parent.mkdir(parents=True, exist_ok=True)
        read_end, write_end = os.pipe()
        printed = command.log.open("ab") if command.log else None
        try:
            worker = await asyncio.create_subprocess_exec(
                *command.argv,
                env={**os.environ, **command.env, LIFELINE: str(read_end)},
                pass_fds=(read_end,),
                stdout=printed,
                stderr=printed,
                start_new_session=True,
            )
        finally:
            os.close(read_end)
            if printed:
                printed.close()
        self._workers[command.client_id] = worker
        self._tell(f"{command.client_id} started (pid {worker.pid}){_see(command)}")
        try:
            ended = asyncio.create_task(worker.wait())
            stopping = asyncio.create_task(self._stopping.wait())
            await asyncio.wait({ended, stopping}, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            if not ended.done():
                _send(worker, signal.SIGTERM)
                await asyncio.wait({ended}, timeout=DRAIN_S)
                if not ended.done():
                    self._tell(f"{command.client_id} did not drain within {DRAIN_S:.0f} s and is killed")
                    _send(worker, signal.SIGKILL)
            return await ended
        finally:
            del self._workers[command.client_id]
            os.close(write_end)

    async def _speak_for(self, command: Command) -> None:
        if not self._group:
            return
        try:
            await leave_group(self._servers, self._group, command.client_id)
        except (KafkaError, OSError, TimeoutError) as error:
            self._tell(f"the group {self._group} was not told that {command.client_id} is dead: {error!r}")


def _send(worker: asyncio.subprocess.Process, number: signal.Signals) -> None:
    """Send a signal to one that runs: the process's own methods may take its exit code away from who waits for it."""
    if worker.returncode is None:
        with suppress(ProcessLookupError):
            os.kill(worker.pid, number)


def _told(code: int) -> str:
    return f"exit code {code}" if code >= 0 else signal.strsignal(-code) or f"signal {-code}"


def _see(command: Command) -> str:
    return f"; see {command.log}" if command.log else ""


def watch_lifeline(on_end: Callable[[], None]) -> None:
    """Call `on_end` once the supervisor of this process is gone; does nothing where there is none."""
    number = os.environ.get(LIFELINE)
    if number is None:
        return
    loop = asyncio.get_running_loop()
    descriptor = int(number)

    def ended() -> None:
        loop.remove_reader(descriptor)
        on_end()

    loop.add_reader(descriptor, ended)


async def _is_set_within(event: asyncio.Event, seconds: float) -> bool:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return False
    return True
