"""W2 on our transport: one worker, measured from its first record to its last commit."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

from aiokafka import ConsumerRecord

from agents.settings import load
from agents.transport.app import StreamApp
from agents.transport.applier import Turn
from agents.transport.tuning import Tuning
from agents.transport.worker import run_worker
from bench.meter import Meter
from tests.toy import ToyApplier


def main(events: int) -> None:
    """Apply that many events and report."""
    settings = load()
    meter = Meter(events)

    class Metered(ToyApplier):
        def take(self, topic: str, records: Sequence[ConsumerRecord], now: int) -> Turn:
            meter.begin()
            turn = super().take(topic, records, now)
            meter.applied += turn.consumed
            return turn

    app = StreamApp(
        settings,
        lambda partition, rows, step: Metered(settings.namespace, partition, rows, step),
        tuning=Tuning(web_enabled=False),
    )

    @app.agent(app.source("raw-events"))
    async def raw_events(stream: object) -> None:
        async for chunk in stream.noack().events():  # type: ignore[attr-defined]
            await app.shards.offer(chunk)

    @app.task  # type: ignore[untyped-decorator]
    async def report() -> None:
        while not meter.is_complete():  # noqa: ASYNC110 — polled, so that nothing is added to what is measured
            await asyncio.sleep(0.02)
        await app.shards.drain()
        meter.report()

    run_worker(app)


if __name__ == "__main__":
    main(int(sys.argv[1]))
