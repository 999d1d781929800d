"""The smallest stream that shows everything the transport promises, and the worker that runs it.

An event is JSON {n, key, amount, text}; a person's row is msgpack [events, sum, offset of the last one]; the output is
the event as it came. `python -m tests.toy worker` is one worker; its namespace and broker come from the settings.
"""

from __future__ import annotations

import asyncio
import os
import struct
import sys
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from aiokafka import ConsumerRecord

from agents import log
from agents.errors import UserError
from agents.settings import Settings, load
from agents.transport import assignment
from agents.transport.app import StreamApp
from agents.transport.applier import Output, Turn
from agents.transport.restore import Restored, read_back
from agents.transport.tuning import Tuning
from agents.transport.worker import run_worker
from streams.topology import topic_name

ASK_EVERY = 100  # events of a partition
WAITING = b"W"  # row: the open question
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


class WaitingToyApplier(ToyApplier):
    """The same, but after every hundredth event it asks, and takes no more until an answer or its deadline has come."""

    def __init__(self, namespace: str, partition: int, rows: dict[bytes, bytes], step: int, patience_ms: int) -> None:
        """Go on from `rows`, waiting still if it waited."""
        super().__init__(namespace, partition, rows, step)
        self.requests = topic_name(namespace, "requests", "toy")
        self.notes = topic_name(namespace, "decision-notes")
        self.patience_ms = patience_ms
        self.waits_until: int | None = 0 if WAITING in rows else None

    def take(self, topic: str, records: Sequence[ConsumerRecord], now: int) -> Turn:
        """Apply events up to the next question, or one answer."""
        if topic.endswith("proposals.v1"):
            return self._end_wait(len(records), [])
        room = ASK_EVERY - sum(decode_row(raw).events for key, raw in self.rows.items() if key[:1] == b"P") % ASK_EVERY
        turn = super().take(topic, records[:room], now)
        if turn.consumed == room:
            question = STEP.pack(self.partition, turn.step)
            turn.outputs.append((self.requests, None, None, question, [("step", question)]))
            turn.changes[WAITING] = self.rows[WAITING] = question
            self.waits_until = now + self.patience_ms
        return turn

    def wake_at(self) -> int | None:
        """Return the deadline of the open question."""
        return self.waits_until

    def fire(self, now: int) -> Turn:
        """Give up waiting, and say so."""
        step = self.step + 1
        header = STEP.pack(self.partition, step)
        return self._end_wait(0, [(self.notes, None, b"gave up", b"gave up", [("step", header)])])

    def is_full(self) -> bool:
        """Tell whether a question is open."""
        return self.waits_until is not None

    def _end_wait(self, consumed: int, outputs: list[Output]) -> Turn:
        self.step += 1
        self.waits_until = None
        self.rows.pop(WAITING, None)
        return Turn(outputs, {WAITING: None}, consumed, self.step)


def slow_down_restores(seconds: Callable[[], float]) -> None:
    """Let every restore take so much longer, without keeping the event loop from anything."""

    async def wait_and_read_back(*arguments: Any) -> dict[int, Restored]:
        await asyncio.sleep(seconds())
        return await read_back(*arguments)

    vars(assignment)["read_back"] = wait_and_read_back


def toy_app(
    settings: Settings, client_id: str = "worker", patience_ms: str = "", *, tuning: Tuning | None = None
) -> StreamApp:
    """Return a worker of the toy stream; with a patience, of the one that asks and waits."""

    def factory(partition: int, rows: dict[bytes, bytes], step: int) -> ToyApplier:
        if patience_ms:
            return WaitingToyApplier(settings.namespace, partition, rows, step, int(patience_ms))
        return ToyApplier(settings.namespace, partition, rows, step)

    app = StreamApp(settings, factory, tuning=tuning or Tuning(web_enabled=False), client_id=client_id)
    if patience_ms:

        @app.agent(app.source("proposals"))
        async def proposals(stream: Any) -> None:
            async for chunk in stream.noack().events():
                await app.shards.offer(chunk)

    @app.agent(app.source("raw-events"))
    async def raw_events(stream: Any) -> None:
        async for chunk in stream.noack().events():
            await app.shards.offer(chunk)

    return app


if __name__ == "__main__":
    log.configure("warning", "text")
    slow_down_restores(lambda: float(os.environ.get("TOY_RESTORE_S", "0")))
    try:
        run_worker(toy_app(load(), *sys.argv[1:]))
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)
