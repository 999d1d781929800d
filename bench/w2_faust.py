"""W2 on stock Faust: an agent, a table with its changelog, one output; at least once, as Faust has it."""

from __future__ import annotations

import sys
from typing import Any

import faust

from agents.settings import load
from bench.meter import Meter
from streams.topology import topic_name
from tests import toy


def new_app(events: int) -> faust.App:
    """Return the app; the number of events is when it reports."""
    settings = load()
    app = faust.App(
        f"{settings.namespace}-stock",
        broker=f"kafka://{settings.bootstrap}",
        store="memory://",
        datadir=str(settings.home / "stock"),
        topic_partitions=settings.partitions,
        topic_replication_factor=1,
        topic_disable_leader=True,
        web_enabled=False,
        stream_wait_empty=False,
        consumer_auto_offset_reset="earliest",
    )
    raw: dict[str, Any] = {"key_type": bytes, "value_type": bytes, "key_serializer": "raw", "value_serializer": "raw"}
    source = app.topic(topic_name(settings.namespace, "raw-events"), **raw)
    outputs = app.topic(topic_name(settings.namespace, "events"), **raw)
    table = app.Table("rows", partitions=settings.partitions, schema=faust.Schema(**raw))
    meter = Meter(events)

    @app.agent(source)
    async def apply(stream: Any) -> None:
        async for event in stream.events():
            meter.begin()
            message = event.message
            told = toy.decode_event(event.value)
            stored = table.get(event.key)
            row = toy.decode_row(stored) if stored else toy.Row()
            row.events += 1
            row.total += told.amount
            row.offset = message.offset
            table[event.key] = toy.encode_row(row)
            await outputs.send(key=event.key, value=event.value, partition=message.partition)
            meter.applied += 1
            if meter.is_complete():
                await app.producer.flush()
                meter.report()

    return app


if __name__ == "__main__":
    events = int(sys.argv[1])
    app = new_app(events)
    app.conf.datadir.mkdir(parents=True, exist_ok=True)
    faust.Worker(app, loglevel="error", quiet=True, redirect_stdouts=False).execute_from_commandline()
