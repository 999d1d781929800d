"""A shard's state, read back from the changelog once nobody else can write to it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from agents.transport.errors import Refused, die
from agents.transport.fetched import fetch
from agents.transport.positions import POSITION_KEY, Position, decode_position

POLL_S: Final = 0.02
FETCH_S: Final = 0.05


@dataclass(slots=True)
class Restored:
    """What the changelog says of one partition."""

    rows: dict[bytes, bytes] = field(default_factory=dict)
    position: Position | None = None  # None: a new shard
    records: int = 0

    def replay(self, records: Sequence[ConsumerRecord]) -> None:
        """Take up what these records of the changelog say, in order."""
        rows = self.rows
        for record in records:
            key, value = record.key, record.value
            if value is None:
                rows.pop(key, None)
            else:
                rows[key] = value
        self.records += len(records)

    def find_position(self, place: str) -> None:
        """Find the position among what was replayed of `place`; raises Refused where there are only rows."""
        raw = self.rows.pop(POSITION_KEY, None)
        if raw is not None:
            self.position = decode_position(raw)
        elif self.rows:
            raise Refused(
                f"{place} has {len(self.rows)} rows and no position record: "
                "it is not the changelog of a deployment of ours; use another CONTINUO_NAMESPACE"
            )


async def wait_settled(
    committed: AIOKafkaConsumer, uncommitted: AIOKafkaConsumer, partitions: list[TopicPartition], deadline_s: float
) -> None:
    """Wait until the last stable offset has reached the high watermark; else end this process, naming the partitions.

    A transaction that hangs would end a restore early, on old state. Fencing aborts the one of the previous owner;
    the markers follow within some 30 ms.
    """
    high = await uncommitted.end_offsets(partitions)
    try:
        async with asyncio.timeout(deadline_s):
            while True:
                stable = await committed.end_offsets(partitions)
                if all(stable[tp] >= high[tp] for tp in partitions):
                    return
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        stable = await committed.end_offsets(partitions)
        hanging = [
            f"{tp.topic}/{tp.partition} (stable {stable[tp]}, end {high[tp]})"
            for tp in partitions
            if stable[tp] < high[tp]
        ]
        die(f"a transaction hangs on {', '.join(hanging)}: its state cannot be restored yet")


async def read_back(committed: AIOKafkaConsumer, topic: str, partitions: Iterable[int]) -> dict[int, Restored]:
    """Return the rows and the position of each partition of the changelog.

    Ends at the consumer's position, not at a record's offset: behind the last record stands a transaction marker.
    """
    made = {partition: Restored() for partition in partitions}
    tps = [TopicPartition(topic, partition) for partition in made]
    first = await committed.beginning_offsets(tps)
    end = await committed.end_offsets(tps)
    committed.assign(tps)
    for tp in tps:
        committed.seek(tp, first[tp])
    todo = {tp for tp in tps if end[tp] > first[tp]}
    while todo:
        fetched = await fetch(committed, todo, FETCH_S)
        for tp, records in fetched.items():
            made[tp.partition].replay(records)
        for tp in list(todo):
            if await committed.position(tp) >= end[tp]:
                todo.discard(tp)
    for partition, restored in made.items():
        restored.find_position(f"{topic}/{partition}")
    return made
