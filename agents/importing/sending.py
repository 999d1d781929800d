"""Sending: rows as events to Kafka, batch by batch; where it stopped is kept, and it goes on from there.

Theory of operation.  A row's event has an id made of the file's bytes, how they are read, and the row's number.  How
many rows are done is written down after Kafka has acknowledged them, so a run that is killed repeats one batch at most,
and a shard knows a repeated event by its id for a day.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final

from aiokafka import AIOKafkaProducer

from agents.codecs.avro import encode_raw_event
from agents.committed import wait_partitions
from agents.importing.columns import Columns, event_id_of, identity_of
from agents.importing.files import Row, RowUnreadable, rows_of
from agents.settings import Settings
from agents.transport.clients import new_writer
from streams.ingest import Refused
from streams.partition import partition_of
from streams.policy import Policy
from streams.records import RawEvent
from streams.topology import topic_name

BATCH: Final = 1_000  # rows between two acknowledgements

Tell = Callable[["Done"], None]


@dataclass
class Done:
    """How far an import is."""

    rows: int = 0  # of the file, from its beginning
    sent: int = 0
    rejected: int = 0
    began_at: int = field(default_factory=lambda: time.time_ns() // 1_000_000)  # when rows without a time occurred


class Import:
    """One file on its way into a deployment."""

    def __init__(self, settings: Settings, path: Path, digest: str, columns: Columns, policy: Policy) -> None:
        """Prepare to send what is not sent yet."""
        self._settings, self._path = settings, path
        self._columns, self._policy = columns, policy
        self._identity: Final = identity_of(digest, columns)
        name = f"{settings.namespace}-{columns.type}-{self._identity[:16]}"
        self._kept: Final = settings.home / "imports" / f"{name}.json"
        self.rejects: Final = settings.home / "imports" / f"{name}.rejected.jsonl"
        self.done: Final = Done(**json.loads(self._kept.read_text())) if self._kept.exists() else Done()
        self.resumed_at: Final = self.done.rows

    async def run(self, tell: Tell) -> None:
        """Send every row that the event catalogue takes; the others go to `rejects`, each with its number and why."""
        topic = topic_name(self._settings.namespace, "raw-events")
        partitions = len(await wait_partitions(self._settings.bootstrap, topic))
        self._kept.parent.mkdir(parents=True, exist_ok=True)
        producer = new_writer(self._settings.bootstrap, enable_idempotence=True)
        await producer.start()
        try:
            with self.rejects.open("a" if self.done.rows else "w", encoding="utf-8") as rejects:
                rows = islice(rows_of(self._path), self.done.rows, None)
                while batch := list(islice(rows, BATCH)):
                    await self._send(producer, topic, partitions, batch, rejects)
                    tell(self.done)
        finally:
            await producer.stop()
        if not self.done.rejected:
            self.rejects.unlink()

    async def _send(
        self,
        producer: AIOKafkaProducer,
        topic: str,
        partitions: int,
        batch: list[Row | RowUnreadable],
        rejects: IO[str],
    ) -> None:
        events = list(self._events(batch, rejects))
        acknowledged = [
            await producer.send(
                topic, encode_raw_event(event), event.profile_id.encode(), partition_of(event.profile_id, partitions)
            )
            for event in events
        ]
        await asyncio.gather(*acknowledged)
        rejects.flush()
        self.done.rows += len(batch)
        self.done.sent += len(events)
        self.done.rejected += len(batch) - len(events)
        partial = self._kept.with_suffix(".partial")
        partial.write_text(json.dumps(vars(self.done)), encoding="utf-8")
        partial.replace(self._kept)

    def _events(self, batch: list[Row | RowUnreadable], rejects: IO[str]) -> Iterator[RawEvent]:
        live = self._settings.mode == "live"
        for number, row in enumerate(batch, self.done.rows + 1):
            try:
                if isinstance(row, RowUnreadable):
                    raise row
                event_id = event_id_of(self._identity, number)
                yield self._columns.event(row, event_id, self.done.began_at, self._policy, live=live)
            except (RowUnreadable, Refused) as error:
                told: dict[str, Any] = {"row": number, "why": str(error)}
                if not isinstance(row, RowUnreadable):
                    told["values"] = row
                rejects.write(json.dumps(told, default=str, ensure_ascii=False) + "\n")
