"""Where a fault is played: the brokers, and what of them can be broken."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from agents import broker
from tests.brokers import free_port


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

    async def start(self) -> None:
        """Start it where it is down."""
        broker.start(self.home, self.port)

    async def stop(self) -> None:
        """Stop it."""
        broker.stop(self.home)

    def environment(self, home: Path) -> dict[str, str]:
        """Return nothing."""
        return {}
