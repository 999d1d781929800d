"""The supervisor: keeps workers running, speaks for the dead, and takes everybody down in order.

Theory of operation. Workers crash rather than guess, so ending is normal and restarting is the supervisor's work: at
once at first, then with a back-off that doubles. The dead member is taken out of the group first, so that the others
take over in a fraction of a second instead of a session timeout. A worker holds the read end of a pipe whose write end
is ours: when we are gone, however that came, the worker reads the end of file and drains.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
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

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Command:
    """How to start one worker."""

    argv: Sequence[str]
    client_id: str  # as the worker tells the broker: whom to take out of the group
    env: dict[str, str]  # on top of ours
    log: Path | None = None  # where what it prints is appended; None = with what we print


class Supervisor:
    """Runs a number of workers until it is told to stop, or until none of them may be restarted."""

    def __init__(self, servers: str, group: str, commands: Sequence[Command]) -> None:
        """Prepare to run each command as one worker of the group."""
        self._servers = servers
        self._group = group
        self._commands = commands
        self._stopping = asyncio.Event()
        self._workers: dict[str, asyncio.subprocess.Process] = {}

    async def run(self) -> int:
        """Run all workers; return 0 after `stop`, or the exit code of the last worker that refused to go on."""
        codes = await asyncio.gather(*(self._keep(command) for command in self._commands))
        return 0 if self._stopping.is_set() else max(codes)

    def stop(self) -> None:
        """Have every worker drain; those that do not end within DRAIN_S are killed."""
        self._stopping.set()

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
                return code
            if code == EXIT_REFUSED:
                log.error("worker refused to go on and is not restarted", worker=command.client_id, exit_code=code)
                return code
            log.warning("worker ended and is restarted", worker=command.client_id, exit_code=code, after_s=back_off_s)
            await self._speak_for(command)
            if monotonic() - began >= STABLE_S:
                back_off_s = BACK_OFF_S_MIN
            if await _is_set_within(self._stopping, back_off_s):
                return code
            back_off_s = min(back_off_s * 2, BACK_OFF_S_MAX)

    async def _run_once(self, command: Command) -> int:
        read_end, write_end = os.pipe()
        printed = command.log.open("ab") if command.log else None
        try:
            worker = await asyncio.create_subprocess_exec(
                *command.argv,
                env={**os.environ, **command.env, LIFELINE: str(read_end)},
                pass_fds=(read_end,),
                stdout=printed,
                stderr=printed,
            )
        finally:
            os.close(read_end)
            if printed:
                printed.close()
        self._workers[command.client_id] = worker
        try:
            ended = asyncio.create_task(worker.wait())
            stopping = asyncio.create_task(self._stopping.wait())
            await asyncio.wait({ended, stopping}, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            if not ended.done():
                worker.terminate()
                await asyncio.wait({ended}, timeout=DRAIN_S)
                if not ended.done():
                    log.error("worker did not drain and is killed", worker=command.client_id, after_s=DRAIN_S)
                    worker.kill()
            return await ended
        finally:
            del self._workers[command.client_id]
            os.close(write_end)

    async def _speak_for(self, command: Command) -> None:
        try:
            await leave_group(self._servers, self._group, command.client_id)
        except (KafkaError, OSError, TimeoutError) as error:
            log.warning("the group was not told of a dead worker", worker=command.client_id, cause=repr(error))


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
