"""What a delivery channel checks once more before anything goes out: switches, consents, suppressions.

Theory of operation.  A decision saw all of that; between it and the dispatch a person may have withdrawn a consent, a
message may have bounced, an operator may have stopped an action.  The view follows `contact-states` and `switches` from
their beginning, and is made fresh before each slice: whatever was committed before is known then.  Where that takes
longer than FRESH_S nothing is sent, until it is fresh again.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Final, Self

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from agents.channels.permits import Permits
from agents.codecs.avro import decode_contact_state, decode_switch
from agents.codecs.errors import Undecodable
from agents.committed import wait_partitions
from agents.service import started
from agents.transport.clients import new_consumer
from streams.policy import Policy
from streams.topology import topic_name

FRESH_S: Final = 5.0  # the oldest view that may be sent on; a slice begins its calls within another two seconds
START_S: Final = 600.0  # for the first time, when there are all people to read


class View:
    """The view of one delivery channel; `async with` holds its connection."""

    def __init__(self, servers: str, namespace: str, delivery_channel: str, policy: Policy) -> None:
        self._servers: Final = servers
        self._names: Final = [topic_name(namespace, noun) for noun in ("contact-states", "switches")]
        self.permits: Final = Permits(delivery_channel, policy)
        self._places: list[TopicPartition] = []
        self._held: Final = AsyncExitStack()
        self._consumer: AIOKafkaConsumer

    async def __aenter__(self) -> Self:
        """Read everything."""
        for name in self._names:
            self._places += await wait_partitions(self._servers, name)
        consumer = new_consumer(self._servers, isolation_level="read_committed", enable_auto_commit=False)
        self._consumer = await self._held.enter_async_context(started(consumer))
        consumer.assign(self._places)
        await consumer.seek_to_beginning(*self._places)
        await self._catch_up(START_S)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        await self._held.__aexit__(kind, error, trace)

    async def refresh(self) -> bool:
        """Take in whatever is committed by now; False if that took too long to send anything on it."""
        return await self._catch_up(FRESH_S)

    async def _catch_up(self, patience_s: float) -> bool:
        try:
            async with asyncio.timeout(patience_s):
                ends = await self._consumer.end_offsets(self._places)
                while any([await self._consumer.position(place) < end for place, end in ends.items()]):
                    for records in (await self._consumer.getmany(timeout_ms=500)).values():
                        for record in records:
                            self._take(record)
        except TimeoutError:
            return False
        return True

    def _take(self, record: ConsumerRecord[bytes, bytes]) -> None:
        try:
            if record.topic == self._names[0]:
                self.permits.take_state(decode_contact_state(record.value))
            else:
                self.permits.take_switch(decode_switch(record.value))
        except Undecodable:
            return  # nobody of ours wrote it
