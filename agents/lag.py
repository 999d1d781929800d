"""How far a consumer is behind what it reads: for those who watch, so it may be a fetch old."""

from __future__ import annotations

from collections.abc import Iterable

from aiokafka import AIOKafkaConsumer, TopicPartition


async def behind(consumer: AIOKafkaConsumer, places: Iterable[TopicPartition]) -> int:
    """Return the offsets between where it stands and the end of these places, as the broker told it last.

    Call it behind a poll: a place that was never fetched from has no end yet, and counts nothing.
    """
    total = 0
    for place in places:
        end = consumer.highwater(place)
        if end is not None:
            total += max(0, end - await consumer.position(place))
    return total
