"""Processes that end: when they are told to, when their supervisor is gone, and when they cannot."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agents.transport.errors import EXIT_TRANSPORT
from agents.transport.supervisor import LIFELINE

OBEDIENT = """
import asyncio
from agents import service
async def main(stop):
    print("ready", flush=True)
    await stop.wait()
service.run("obedient", main)
"""
STUBBORN = """
import asyncio
from agents import service
service.END_S = 0.2
async def main(stop):
    print("ready", flush=True)
    await asyncio.Event().wait()
service.run("stubborn", main)
"""
ROOT = Path(__file__).parents[3]


def started(script: str, **options: object) -> subprocess.Popen[str]:
    process: subprocess.Popen[str] = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, **options
    )  # type: ignore[call-overload]
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_process_ends_when_it_is_told_to(number: signal.Signals) -> None:
    with started(OBEDIENT) as process:
        process.send_signal(number)
        assert process.wait(20) == 0


def test_a_process_ends_with_its_supervisor() -> None:
    read_end, write_end = os.pipe()
    with started(OBEDIENT, pass_fds=(read_end,), env={**os.environ, LIFELINE: str(read_end)}) as process:
        os.close(read_end)
        assert process.poll() is None
        os.close(write_end)
        assert process.wait(20) == 0


def test_a_process_that_does_not_come_to_an_end_is_ended() -> None:
    with started(STUBBORN) as process:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == EXIT_TRANSPORT
        assert process.stderr is not None
        assert "stubborn: told to stop, and not done" in process.stderr.read()
