"""Reads back what a peer wrote and compares it with a sequential run: one wrong byte, and the run is void."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from time import monotonic, sleep
from typing import Final

from confluent_kafka import Consumer, KafkaError, TopicPartition

from bench.source import PARTITIONS, Told

SILENCE_S: Final = 30.0
COUNT_S: Final = 120.0
_POLL_S: Final = 0.02

Seen = tuple[int | None, bytes | None, bytes | None]  # partition, key, value


class Wrong(Exception):
    """A peer did not write what a sequential run writes."""


def read(address: str, topic: str, partitions: int = PARTITIONS) -> Iterator[Seen]:
    """Generate what is committed in a topic now, in order within each partition."""
    wait_settled(address, topic, partitions)
    consumer = _consumer(address, "read_committed")
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


def wait_count(address: str, topic: str, count: int, partitions: int = PARTITIONS, key: bytes | None = None) -> None:
    """Wait until so many records are committed in a topic, of that key if one is named."""
    consumer = _consumer(address, "read_committed")
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(partitions)])
    try:
        seen, deadline = 0, monotonic() + COUNT_S
        while seen < count:
            come = [message for message in consumer.consume(10_000, 0.1) if message.error() is None]
            seen += sum(key is None or message.key() == key for message in come)
            if monotonic() > deadline:
                raise SystemExit(f"{topic}: {count} records were expected within {COUNT_S:g} s; came {seen}")
    finally:
        consumer.close()


def wait_settled(address: str, topic: str, partitions: int) -> None:
    """Wait until a committed reader sees to the end: a commit is answered some ms before its markers are written."""
    anybody, committed = _consumer(address, "read_uncommitted"), _consumer(address, "read_committed")
    try:
        deadline = monotonic() + SILENCE_S
        for place in [TopicPartition(topic, partition) for partition in range(partitions)]:
            end = anybody.get_watermark_offsets(place, SILENCE_S)[1]
            while committed.get_watermark_offsets(place, SILENCE_S)[1] < end:
                if monotonic() > deadline:
                    raise Wrong(f"{topic}/{place.partition}: a transaction is left open before {end}")
                sleep(_POLL_S)
    finally:
        anybody.close()
        committed.close()


def _consumer(address: str, isolation: str) -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": address,
            "group.id": "verify",
            "enable.auto.commit": False,
            "isolation.level": isolation,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 20,
        }
    )


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
