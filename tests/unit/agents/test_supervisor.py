"""The supervisor with processes that need no broker."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import psutil

from agents.transport.supervisor import Command, Supervisor

DEADLINE_S = 60.0
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); signal.pause()"


def supervised(told: list[str], *scripts: str, log: Path | None = None) -> Supervisor:
    commands = [Command([sys.executable, "-c", one], f"w{number}", {}, log) for number, one in enumerate(scripts)]
    return Supervisor("", "", commands, told.append)


async def wait_until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not condition():  # noqa: ASYNC110 — processes do not call back
            await asyncio.sleep(0.02)


async def test_who_refuses_to_go_on_is_not_started_again() -> None:
    told: list[str] = []
    assert await supervised(told, "raise SystemExit(78)").run() == 78
    assert told[0].startswith("w0 started (pid ")
    assert told[1:] == ["w0 refused to go on (exit code 78) and is not started again"]


async def test_who_ends_is_started_again_later_each_time() -> None:
    told: list[str] = []
    supervisor = supervised(told, "raise SystemExit(70)")
    running = asyncio.create_task(supervisor.run())
    await wait_until(lambda: sum("ended" in line for line in told) == 3)
    supervisor.stop()
    await running
    assert [line for line in told if "again" in line] == [
        f"w0 ended (exit code 70) and is started again in {after_s} s" for after_s in (0.2, 0.4, 0.8)
    ]


async def test_who_does_not_drain_can_be_killed(tmp_path: Path) -> None:
    told: list[str] = []
    supervisor = supervised(told, STUBBORN, log=tmp_path / "w0.log")
    running = asyncio.create_task(supervisor.run())
    await wait_until(lambda: (tmp_path / "w0.log").exists() and (tmp_path / "w0.log").read_text() == "up\n")
    pid = supervisor.pids()["w0"]
    assert os.getsid(pid) == pid, "ctrl-C at our terminal does not reach it"
    supervisor.stop()
    supervisor.kill()
    assert await running == 0
    assert told[-1] == f"w0 ended ({signal.strsignal(signal.SIGKILL)})"
    assert not psutil.pid_exists(pid)
    assert supervisor.pids() == {}


async def test_what_processes_print_stays_in_their_log(tmp_path: Path) -> None:
    told: list[str] = []
    log = tmp_path / "w0.log"
    log.write_text("before\n")
    await supervised(told, "print('words', flush=True); raise SystemExit(78)", log=log).run()
    assert log.read_text() == "before\nwords\n"
    assert told[0].endswith(f"; see {log}")
