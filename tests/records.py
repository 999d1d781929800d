"""Kafka records, as a consumer returns them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from aiokafka.structs import ConsumerRecord

from agents.codecs.avro import ENCODERS
from streams.records import RawEvent
from streams.topology import topic_name

RAW: Final = "continuo.raw-events.v1"


def kafka_record(
    value: bytes | None, noun: str = "raw-events", *, offset: int = 0, partition: int = 0, key: bytes | None = b"key",
    timestamp: int = 0, headers: Iterable[tuple[str, bytes | None]] = (),
) -> ConsumerRecord[Any, Any]:  # fmt: skip
    """Return one record of a topic."""
    topic, sizes = topic_name("continuo", noun), (len(key or b""), len(value or b""))
    return ConsumerRecord(topic, partition, offset, timestamp, 0, key, value, None, *sizes, tuple(headers))


def raw_record(event: RawEvent, offset: int = 0, **fields: Any) -> ConsumerRecord[Any, Any]:
    """Return a raw event in Avro."""
    return kafka_record(ENCODERS["raw_event"](event), offset=offset, **fields)
