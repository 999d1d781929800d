"""What a network does to workers: slow, cut, or dead without anybody being told."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import cast

from tests.brokers import free_port
from tests.faults.transport.kafka import Node
from tests.faults.transport.proxy import Proxy
from tests.faults.transport.stage import Stage

CUTS = 4


class Proxied:
    """One broker with a second listener, whose advertised address is the proxy's: only workers go through it."""

    name = "proxied"

    def __init__(self, home: Path) -> None:
        port = free_port()
        second, outside = port + 2, port + 3
        self.node = Node(
            home,
            port,
            port + 1,
            listeners=f"PLAINTEXT://127.0.0.1:{port},PROXIED://127.0.0.1:{second},CONTROLLER://127.0.0.1:{port + 1}",
            advertised_listeners=f"PLAINTEXT://127.0.0.1:{port},PROXIED://127.0.0.1:{outside}",
            listener_security_protocol_map="CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT",
        )
        self.proxy = Proxy(outside, second)
        self.address, self.workers_at = f"127.0.0.1:{port}", f"127.0.0.1:{outside}"

    async def start(self) -> None:
        """Have both up."""
        self.node.launch()
        await asyncio.to_thread(self.node.wait_brokers, 1)
        await self.proxy.start()

    async def stop(self) -> None:
        """End both."""
        self.proxy.stop()
        await asyncio.to_thread(self.node.stop)

    def environment(self, home: Path) -> dict[str, str]:
        """Return nothing."""
        return {}


async def delay(stage: Stage) -> None:
    """Make every piece that passes late, for some seconds, by another time each second."""
    proxy = cast("Proxied", stage.ground).proxy
    await stage.wait_share(0.05)
    stage.progress.mark()
    before = proxy.delayed
    for _ in range(6):
        proxy.delay_s = stage.chance.uniform(0.01, 0.3)
        await stage.wait_some_time(1.0)
    proxy.delay_s = 0.0
    stage.note(f"{proxy.delayed - before} pieces delayed")


async def cut(stage: Stage) -> None:
    """Break all connections, and at times refuse new ones for a while, several times."""
    proxy = cast("Proxied", stage.ground).proxy
    before = proxy.cut, proxy.refused
    for turn in range(CUTS):
        await stage.wait_share((turn + stage.chance.uniform(0.1, 0.9)) / (CUTS + 0.5))
        stage.progress.mark()
        proxy.refuses = stage.chance.random() < 0.5
        proxy.cut_all()
        if proxy.refuses:
            await stage.wait_some_time(stage.chance.uniform(0.1, 2.5))
            proxy.refuses = False
    if proxy.cut > before[0]:
        stage.note(f"{proxy.cut - before[0]} connections cut, {proxy.refused - before[1]} refused")


async def swallow(stage: Stage) -> None:
    """Let all connections of the moment die without a word; new ones are as good as ever."""
    proxy = cast("Proxied", stage.ground).proxy
    await stage.wait_share(stage.chance.uniform(0.1, 0.7))
    stage.progress.mark()
    before = proxy.swallowed
    proxy.swallow_all(requests=stage.chance.random() < 0.5)
    if proxy.swallowed > before:
        stage.note(f"{proxy.swallowed - before} connections half open")


def as_noted(stage: Stage) -> str:
    """Return what the fault put on record."""
    return "; ".join(stage.notes)
