"""A chunk: one contiguous run of raw records of one partition, and one event to Faust."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import faust
from aiokafka import ConsumerRecord
from faust.types import TP, AppT, ConsumerMessage, EventT


class ChunkMessage(ConsumerMessage):
    """What Faust carries from the consumer to an agent: everything it costs per message is paid per chunk."""

    __slots__ = ("next_offset", "since")

    def __init__(self, tp: TP, records: Sequence[ConsumerRecord], since: int, generation: int) -> None:
        """Wrap a run of records, which is not empty; nothing is between `since` and its first one."""
        first, last = records[0], records[-1]
        super().__init__(
            tp.topic,
            tp.partition,
            first.offset,
            last.timestamp / 1000,
            0,  # of creation; nobody asks
            None,
            None,
            records,  # type: ignore[arg-type]  # whatever it is, Faust hands it to the schema
            None,
            0,
            0,
            tp,
            generation_id=generation,
        )
        self.since = since
        self.next_offset = last.offset + 1


class ChunkSchema(faust.Schema[Any, Any]):
    """Decode nothing: the event's value is the list of records, and one bad record concerns no other."""

    def compile(self, app: AppT, **_: Any) -> Callable[..., Awaitable[EventT[Any]]]:
        """Return the function that makes an event of a chunk."""
        create_event = app.create_event

        async def decode(message: ChunkMessage, *, propagate: bool = False) -> EventT[Any]:
            del propagate  # nothing can fail
            return create_event(None, message.value, {}, message)

        return decode
