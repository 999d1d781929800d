"""Where a fault is played: the brokers, and what of them can be broken."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Protocol

import psutil

from agents import broker
from agents.broker import jvm
from tests.brokers import free_port

KILL_S = 10.0


class Unplayable(Exception):
    """This machine lacks what a fault needs; says what, and how to have it."""


class Ground(Protocol):
    """Brokers that serve many runs, one after the other."""

    name: str
    address: str  # for those who feed and judge
    workers_at: str  # for the workers

    async def start(self) -> None:
        """Have the brokers up, as good as new."""

    async def stop(self) -> None:
        """End everything."""

    def environment(self, home: Path) -> dict[str, str]:
        """Return what workers of a run with this home folder need in their environment."""


class Embedded:
    """The product's own single broker."""

    name = "embedded"

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = free_port()
        self.address = self.workers_at = f"127.0.0.1:{self.port}"

    @property
    def data(self) -> Path:
        """Return the folder of its logs."""
        return self.home / "broker" / "data"

    async def start(self) -> None:
        """Start it where it is down."""
        await asyncio.to_thread(broker.start, self.home, self.port)

    async def stop(self) -> None:
        """Stop it."""
        broker.stop(self.home)

    def kill(self) -> int | None:
        """Kill it with -9; return the id of the process that it was."""
        pid = broker.status(self.home).pid
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
            jvm.wait_gone(psutil.Process(pid), KILL_S)
        return pid

    def revive(self) -> int | None:
        """Start it again, and return its new process id."""
        broker.start(self.home, self.port)
        return broker.status(self.home).pid

    def environment(self, home: Path) -> dict[str, str]:
        """Return nothing."""
        return {}
