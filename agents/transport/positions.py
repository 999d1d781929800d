"""Where a shard goes on reading: stored with its state, in the same transaction, and distrusted when it is read."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from agents.transport.errors import Refused

POSITION_KEY: Final = b"\0position"  # table codes are letters, so no row has it
VERSION: Final = 1
READ_BACK_S: Final = 15.0  # for the records before the stored positions; they are in the broker's page cache or on disk


class Place(msgspec.Struct, array_like=True, frozen=True):
    """A place in one source: the next offset, and the broker's timestamp of the record before it."""

    next_offset: int
    timestamp: int


class Snapshot(NamedTuple):
    """A position as of one moment: the record's bytes, and what they say."""

    record: bytes
    step: int
    places: dict[str, Place]


@dataclass(slots=True)
class Position:
    """What one shard's position record says."""

    step: int = 0
    places: dict[str, Place] = field(default_factory=dict)  # by full topic name
    partitions: int = 0
    mode: str = ""
    namespace: str = ""

    def snapshot(self) -> Snapshot:
        """Return what a transaction commits of it now."""
        record = _ENCODER.encode((VERSION, self.step, self.places, self.partitions, self.mode, self.namespace))
        return Snapshot(record, self.step, dict(self.places))


_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(tuple[int, int, dict[str, Place], int, str, str])


def decode_position(raw: bytes) -> Position:
    """Return the position; raises Refused when another version of Continuo wrote it."""
    try:
        version, step, places, partitions, mode, namespace = _DECODER.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused(
            f"the stored position is not readable ({error}); a newer Continuo may have written it: run that one"
        ) from error
    if version != VERSION:
        raise Refused(
            f"the stored position has version {version}, this Continuo reads {VERSION}: run the one that wrote it"
        )
    return Position(step, places, partitions, mode, namespace)


def check_deployment(partition: int, stored: Position, expected: Position) -> list[str]:
    """Return what is wrong with running this deployment on that state: all differences, each with its remedy."""
    told = {"partitions": "CONTINUO_PARTITIONS", "mode": "CONTINUO_MODE", "namespace": "CONTINUO_NAMESPACE"}
    return [
        f"partition {partition} keeps state of {name}={getattr(stored, name)!r}, the settings say "
        f"{getattr(expected, name)!r}; set {variable} back, or start a new deployment under another CONTINUO_NAMESPACE"
        for name, variable in told.items()
        if getattr(stored, name) != getattr(expected, name)
    ]


async def check_places(
    consumer: AIOKafkaConsumer, places: Mapping[TopicPartition, Place], compacted: frozenset[str]
) -> list[str]:
    """Return what is wrong with going on at these places: truncated, recreated or replaced sources.

    `consumer` reads uncommitted and has no group; `compacted` names the topics in which single records may vanish.
    """
    if not places:
        return []
    first = await consumer.beginning_offsets(list(places))
    end = await consumer.end_offsets(list(places))
    problems = []
    to_read = {}
    for tp, place in places.items():
        if place.next_offset < first[tp]:
            problems.append(
                f"{_told(tp)}: the stored position is {place.next_offset}, the log begins at {first[tp]}: "
                f"{first[tp] - place.next_offset} records were deleted before they were read; "
                "lengthen the topic's retention, and start a new deployment under another CONTINUO_NAMESPACE"
            )
        elif place.next_offset > end[tp]:
            problems.append(
                f"{_told(tp)}: the stored position is {place.next_offset}, the log ends at {end[tp]}: "
                "the topic was truncated or made anew; "
                "restore it, or start a new deployment under another CONTINUO_NAMESPACE"
            )
        elif place.next_offset > first[tp]:
            to_read[tp] = place
    before = await _records_before(consumer, to_read)
    for tp, place in to_read.items():
        offset, timestamp = before[tp]
        if (offset, timestamp) == (place.next_offset - 1, place.timestamp):
            continue
        if offset != place.next_offset - 1 and tp.topic in compacted:
            continue
        problems.append(
            f"{_told(tp)}: the record before the stored position {place.next_offset} carries timestamp {timestamp}, "
            f"stored is {place.timestamp}: this is another topic of the same name; "
            "restore the old one, or start a new deployment under another CONTINUO_NAMESPACE"
        )
    return problems


async def _records_before(
    consumer: AIOKafkaConsumer, places: Mapping[TopicPartition, Place]
) -> dict[TopicPartition, tuple[int, int]]:
    """Return offset and timestamp of the first record at or behind `next_offset - 1`; (-1, -1) where there is none."""
    found: dict[TopicPartition, tuple[int, int]] = {}
    consumer.assign(list(places))
    for tp, place in places.items():
        consumer.seek(tp, place.next_offset - 1)
    try:
        async with asyncio.timeout(READ_BACK_S):
            while waiting := [tp for tp in places if tp not in found]:
                for tp, records in (await consumer.getmany(*waiting, timeout_ms=200, max_records=len(waiting))).items():
                    found.setdefault(tp, (records[0].offset, records[0].timestamp))
                for tp in waiting:
                    if tp not in found and await consumer.position(tp) >= places[tp].next_offset:
                        found[tp] = (-1, -1)  # only transaction markers are left there
    except TimeoutError:
        return {tp: found.get(tp, (-1, -1)) for tp in places}
    return found


def _told(tp: TopicPartition) -> str:
    return f"{tp.topic}/{tp.partition}"
