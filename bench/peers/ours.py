"""W1 and W2 on our transport: one worker, the toy stream; exactly once, as everything of ours."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from aiokafka import ConsumerRecord

from agents.settings import load
from agents.transport.app import StreamApp
from agents.transport.applier import Output, Turn
from agents.transport.tuning import Tuning
from agents.transport.worker import run_worker
from bench.peers.job import Job, Progress, Row, decode_event, decode_row, doubled, encode_row
from tests.toy import ToyApplier


class Adding(ToyApplier):
    """Adds a field to each event; keeps no rows."""

    none: Final[list[tuple[str, bytes]]] = []  # headers

    def take(self, topic: str, records: Sequence[ConsumerRecord], now: int) -> Turn:
        """Apply records one by one."""
        del topic, now
        events, none = self.events, self.none
        outputs: list[Output] = [(events, None, record.key, doubled(record.value), none) for record in records]
        self.step += len(records)
        return Turn(outputs, {}, len(records), self.step)


class Keeping(ToyApplier):
    """Keeps a row per person and says each event again: what every peer does, without our header that numbers it."""

    none: Final[list[tuple[str, bytes]]] = []  # headers

    def take(self, topic: str, records: Sequence[ConsumerRecord], now: int) -> Turn:
        """Apply records one by one; the rows they touched are encoded once."""
        del topic, now
        rows, events, none = self.rows, self.events, self.none
        touched: dict[bytes, Row] = {}
        outputs: list[Output] = []
        for record in records:
            key, value = record.key, record.value
            row = touched.get(key)
            if row is None:
                raw = rows.get(b"P" + key)
                row = touched[key] = Row() if raw is None else decode_row(raw)
            row.events += 1
            row.total += decode_event(value).amount
            row.offset = record.offset
            outputs.append((events, None, key, value, none))
        changes: dict[bytes, bytes | None] = {b"P" + key: encode_row(row) for key, row in touched.items()}
        rows.update(changes)  # type: ignore[arg-type]  # none of them is a tombstone
        self.step += len(records)
        return Turn(outputs, changes, len(records), self.step)


def main(job: Job) -> None:
    """Apply the job's events and say so."""
    settings = load()
    progress = Progress(job)
    kind: type[ToyApplier] = Adding if job.work == "W1" else Keeping

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
