"""W1 and W2 on stock Faust: an agent, a table with its changelog, one output; at least once, as Faust has it."""

from __future__ import annotations

import sys
import tempfile
from typing import Any

import faust

from bench.peers.job import Job, Progress, Row, decode_event, decode_row, doubled, encode_row


def new_app(job: Job, folder: str) -> faust.App:
    """Return the app that does the job."""
    app = faust.App(
        job.group,
        broker=f"kafka://{job.broker}",
        store="memory://",
        datadir=folder,
        topic_partitions=job.partitions,
        topic_replication_factor=1,
        topic_disable_leader=True,
        web_enabled=False,
        stream_wait_empty=False,
        consumer_auto_offset_reset="earliest",
    )
    raw: dict[str, Any] = {"key_type": bytes, "value_type": bytes, "key_serializer": "raw", "value_serializer": "raw"}
    source, outputs = app.topic(job.source, **raw), app.topic(job.output, **raw)
    progress = Progress(job)

    async def pass_on(event: Any, value: bytes) -> None:
        await outputs.send(key=event.key, value=value, partition=event.message.partition)
        progress.applied += 1
        if progress.is_complete():
            await app.producer.flush()
            progress.end()

    if job.work == "W1":

        @app.agent(source)
        async def add(stream: Any) -> None:
            async for event in stream.events():
                progress.begin()
                await pass_on(event, doubled(event.value))

        return app

    table = app.Table("rows", partitions=job.partitions, schema=faust.Schema(**raw))

    @app.agent(source)
    async def fold(stream: Any) -> None:
        async for event in stream.events():
            progress.begin()
            told = decode_event(event.value)
            stored = table.get(event.key)
            row = decode_row(stored) if stored else Row()
            row.events += 1
            row.total += told.amount
            row.offset = event.message.offset
            table[event.key] = encode_row(row)
            await pass_on(event, event.value)

    return app


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        sys.argv[1:] = ["worker"]
        faust.Worker(
            new_app(Job.load(), folder), loglevel="error", quiet=True, redirect_stdouts=False
        ).execute_from_commandline()
