"""W5 on our transport: a worker takes over all partitions of a changelog that is there, and tells what it restored.

Says `begin` when it starts, `end SECONDS` once every shard runs, then `sum COUNT CHECKSUM` over all rows.
"""

from __future__ import annotations

import asyncio
import zlib
from typing import Any, Final

from agents import telemetry
from agents.settings import load
from agents.transport.app import StreamApp
from agents.transport.tuning import Tuning
from agents.transport.worker import run_worker
from bench.peers.job import say
from tests.toy import ToyApplier

MASK: Final = (1 << 64) - 1


def main() -> None:
    """Restore, tell, and go on until killed."""
    settings = load()
    shards: dict[int, dict[bytes, bytes]] = {}

    def factory(partition: int, rows: dict[bytes, bytes], step: int) -> ToyApplier:
        shards[partition] = rows
        return ToyApplier(settings.namespace, partition, rows, step)

    app = StreamApp(settings, factory, tuning=Tuning(web_enabled=False))

    @app.agent(app.source("raw-events"))
    async def raw_events(stream: Any) -> None:
        async for chunk in stream.noack().events():
            await app.shards.offer(chunk)

    @app.task  # type: ignore[untyped-decorator]
    async def report() -> None:
        while not app.shards.is_ready() or len(shards) < settings.partitions:  # noqa: ASYNC110 — nobody tells
            await asyncio.sleep(0.01)
        gauge = "continuo_transport_restore_seconds"
        measured = telemetry.current()
        took_s = max(measured.gauge(gauge, str(partition))._value.get() for partition in shards)  # noqa: SLF001
        say(f"end {took_s}")
        checksum = sum(zlib.crc32(key + value) for rows in shards.values() for key, value in rows.items())
        say(f"sum {sum(map(len, shards.values()))} {checksum & MASK}")

    say("begin")
    run_worker(app)


if __name__ == "__main__":
    main()
