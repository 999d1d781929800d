"""The smallest stream that shows everything the transport promises, and the worker that runs it.

An event is JSON {n, key, amount, text}; a person's row is msgpack [events, sum, offset of the last one]; the output is
the event as it came. `python -m tests.toy worker` is one worker; its namespace and broker come from the settings.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Sequence
from typing import Any

import msgspec
from aiokafka import ConsumerRecord

from agents import log
from agents.errors import UserError
from agents.settings import Settings, load
from agents.transport.app import StreamApp
from agents.transport.applier import Output, Turn
from agents.transport.tuning import Tuning
from agents.transport.worker import run_worker
from streams.topology import topic_name

STEP = struct.Struct(">iq")  # (partition, step), in a header of every output


class Event(msgspec.Struct):
    """What a feeder says."""

    n: int
    key: str
    amount: float
    text: str


class Row(msgspec.Struct, array_like=True):
    """What is kept of one key."""

    events: int = 0
    total: float = 0.0
    offset: int = -1


decode_event = msgspec.json.Decoder(Event).decode
decode_row = msgspec.msgpack.Decoder(Row).decode
encode_row = msgspec.msgpack.Encoder().encode


class ToyApplier:
    """Counts and sums per key, and says every event again; what it cannot read becomes a dead letter."""

    def __init__(self, namespace: str, partition: int, rows: dict[bytes, bytes], step: int) -> None:
        """Go on from `rows`."""
        self.partition, self.rows, self.step = partition, rows, step
        self.events = topic_name(namespace, "events")
        self.dead_letters = topic_name(namespace, "dead-letters")

    def take(self, topic: str, records: Sequence[ConsumerRecord], now: int) -> Turn:
        """Apply records one by one; the rows they touched are encoded once."""
        rows, step, events = self.rows, self.step, self.events
        touched: dict[bytes, Row] = {}
        outputs: list[Output] = []
        for record in records:
            step += 1
            headers = [("step", STEP.pack(self.partition, step))]
            try:
                event = decode_event(record.value)
            except (msgspec.DecodeError, TypeError):
                outputs.append((self.dead_letters, None, None, record.value or b"", headers))
                continue
            key = record.key
            row = touched.get(key)
            if row is None:
                raw = rows.get(b"P" + key)
                row = touched[key] = decode_row(raw) if raw is not None else Row()
            row.events += 1
            row.total += event.amount
            row.offset = record.offset
            outputs.append((events, None, key, record.value, headers))
        changes: dict[bytes, bytes | None] = {b"P" + key: encode_row(row) for key, row in touched.items()}
        rows.update(changes)  # type: ignore[arg-type]  # none of them is a tombstone
        self.step = step
        return Turn(outputs, changes, len(records), step)

    def wake_at(self) -> int | None:
        """Return None: nothing is timed."""
        return None

    def fire(self, now: int) -> Turn:
        """Return an empty turn."""
        return Turn([], {}, 0, self.step)

    def is_full(self) -> bool:
        """Tell that there is always room."""
        return False


def toy_app(settings: Settings, client_id: str = "worker") -> StreamApp:
    """Return a worker of the toy stream."""

    def factory(partition: int, rows: dict[bytes, bytes], step: int) -> ToyApplier:
        return ToyApplier(settings.namespace, partition, rows, step)

    app = StreamApp(settings, factory, tuning=Tuning(web_enabled=False), client_id=client_id)

    @app.agent(app.source("raw-events"))
    async def raw_events(stream: Any) -> None:
        async for chunk in stream.noack().events():
            await app.shards.offer(chunk)

    return app


if __name__ == "__main__":
    log.configure("warning", "text")
    try:
        run_worker(toy_app(load(), *sys.argv[1:]))
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)
