"""Reads back what a peer wrote and compares it with a sequential run: one wrong byte, and the run is void."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from time import monotonic
from typing import Final

from confluent_kafka import Consumer, KafkaError, TopicPartition

from bench.source import PARTITIONS, Told

SILENCE_S: Final = 30.0

Seen = tuple[int | None, bytes | None, bytes | None]  # partition, key, value


class Wrong(Exception):
    """A peer did not write what a sequential run writes."""


def read(address: str, topic: str, partitions: int = PARTITIONS, *, committed: bool = True) -> Iterator[Seen]:
    """Generate what stands in a topic now, in order within each partition."""
    consumer = Consumer(
        {
            "bootstrap.servers": address,
            "group.id": "verify",
            "enable.auto.commit": False,
            "isolation.level": "read_committed" if committed else "read_uncommitted",
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 20,
        }
    )
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(partitions)])
    try:
        left, heard_at = set(range(partitions)), monotonic()
        while left:
            messages = consumer.consume(10_000, 0.2)
            if messages:
                heard_at = monotonic()
            elif monotonic() - heard_at > SILENCE_S:
                raise Wrong(f"{topic}: nothing came for {SILENCE_S:g} s, before the ends of partitions {sorted(left)}")
            for message in messages:
                error = message.error()
                if error is None:
                    yield message.partition(), message.key(), message.value()
                elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 — the library has no other name for it
                    left.discard(message.partition() or 0)
                else:
                    raise Wrong(f"{topic}: {error}")
    finally:
        consumer.close()


def check_outputs(seen: Iterable[Seen], wanted: Mapping[int, Iterator[Told]]) -> None:
    """Raise Wrong unless exactly the wanted records were seen, in each partition in their order."""
    places = {partition: count() for partition in wanted}
    for told_partition, key, value in seen:
        partition = told_partition or 0
        place = next(places[partition])
        expected = next(wanted[partition], None)
        if expected is None:
            raise Wrong(f"partition {partition}: expected {place} outputs; there is another one, {told(key, value)}")
        if (key, value) != expected:
            raise Wrong(
                f"partition {partition}, output {place}: expected {told(*expected)}; came {told(key, value)}"
            )
    for partition, rest in wanted.items():
        missing = next(rest, None)
        if missing is not None:
            place = next(places[partition])
            raise Wrong(f"partition {partition}: expected more than {place} outputs; missing is {told(*missing)}")


def check_rows(seen: Iterable[Seen], wanted: Mapping[bytes, bytes], own: Iterable[bytes] = ()) -> None:
    """Raise Wrong unless the newest value of every key is the wanted one; keys in `own` are the peer's own affair."""
    kept = {key: value for _, key, value in seen}
    for key in own:
        kept.pop(key, None)
    for key, value in wanted.items():
        if kept.get(key) != value:
            raise Wrong(f"row {key!r}: expected {value!r}; came {kept.get(key)!r}")
    if len(kept) != len(wanted):
        strange = next(key for key in kept if key not in wanted)
        raise Wrong(f"rows: expected {len(wanted)}; there are {len(kept)}, {strange!r} among them")


def told(key: bytes | None, value: bytes | None) -> str:
    """Return a record as a message shows it."""
    text = repr(value)
    return f"{key!r}: {text if len(text) <= 130 else f'{text[:80]} … {text[-40:]}'}"
