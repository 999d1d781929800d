"""W1 and W2 on our transport: one worker, the toy stream; exactly once, as everything of ours."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from aiokafka import ConsumerRecord

from agents.settings import load
from agents.transport.app import StreamApp
from agents.transport.applier import Output, Turn
from agents.transport.tuning import Tuning
from agents.transport.worker import run_worker
from bench.peers.job import Job, Progress, doubled
from tests.toy import STEP, ToyApplier


class Adding(ToyApplier):
    """Adds a field to each event; keeps no rows."""

    def take(self, topic: str, records: Sequence[ConsumerRecord], now: int) -> Turn:
        """Apply records one by one."""
        del topic, now
        events, partition, step = self.events, self.partition, self.step
        outputs: list[Output] = []
        for record in records:
            step += 1
            outputs.append((events, None, record.key, doubled(record.value), [("step", STEP.pack(partition, step))]))
        self.step = step
        return Turn(outputs, {}, len(records), step)


def main(job: Job) -> None:
    """Apply the job's events and say so."""
    settings = load()
    progress = Progress(job)
    kind: type[ToyApplier] = Adding if job.work == "W1" else ToyApplier

    class Counted(kind):  # type: ignore[valid-type,misc]  # one of the two
        def take(self, topic: str, records: Sequence[ConsumerRecord], now: int) -> Turn:
            progress.begin()
            turn: Turn = super().take(topic, records, now)
            progress.applied += turn.consumed
            return turn

    def factory(partition: int, rows: dict[bytes, bytes], step: int) -> ToyApplier:
        return Counted(settings.namespace, partition, rows, step)

    app = StreamApp(settings, factory, tuning=Tuning(web_enabled=False))

    @app.agent(app.source("raw-events"))
    async def raw_events(stream: Any) -> None:
        async for chunk in stream.noack().events():
            await app.shards.offer(chunk)

    @app.task  # type: ignore[untyped-decorator]
    async def report() -> None:
        while not progress.is_complete():  # noqa: ASYNC110 — polled, so that nothing is added to what is measured
            await asyncio.sleep(0.02)
        await app.shards.drain()
        progress.end()

    run_worker(app)


if __name__ == "__main__":
    main(Job.load())
