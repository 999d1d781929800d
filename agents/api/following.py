"""What the API knows of the stream: the current policy, and the decisions that are committed from now on."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from typing import Final

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord

from agents.codecs.avro import decode_decision
from agents.codecs.framing import HEADER_LENGTH, header
from agents.committed import wait_partitions
from agents.policies import PolicyBook
from agents.service import READY
from agents.settings import Settings
from agents.transport.clients import reader
from streams.inputs import PolicyInput
from streams.policy import Policy
from streams.records import Decision
from streams.topology import topic_name

KEPT_MAX: Final = 20_000  # decisions, for whoever asks again: a minute and more, at 300 a second; about 20 MB
ID_LENGTH: Final = 32
_HEAD: Final = header("decision") + bytes([2 * ID_LENGTH])  # the id comes first, behind its length
_ID: Final = slice(HEADER_LENGTH + 1, HEADER_LENGTH + 1 + ID_LENGTH)
_POLL_MS: Final = 500

_log = structlog.get_logger(__name__)


class Current:
    """The policy that is current."""

    def __init__(self) -> None:
        self.policy: Policy | None = None

    async def follow(self, settings: Settings) -> None:
        """Learn what is published, until cancelled."""
        topic, book = topic_name(settings.namespace, "policies"), PolicyBook()
        places = await wait_partitions(settings.bootstrap, topic)
        async with reader(settings.bootstrap, committed=True) as consumer:
            consumer.assign(places)
            await consumer.seek_to_beginning(*places)
            async for record in _records(consumer):
                try:
                    switches = book.decode(record)
                except Exception as error:  # noqa: BLE001  # a dead letter of every shard; here it is passed over
                    _log.error("no policy", policy=str(record.key), why=str(error))
                    continue
                for switch in switches:
                    if isinstance(switch, PolicyInput):
                        self.policy = switch.policy
                        READY.add("policy")


class Decisions:
    """Decisions by id: those that came lately, and those that somebody waits for."""

    def __init__(self) -> None:
        self._kept: Final[OrderedDict[bytes, bytes]] = OrderedDict()
        self._awaited: Final[dict[bytes, list[asyncio.Future[bytes]]]] = {}

    async def follow(self, settings: Settings) -> None:
        """Take up what is committed from now on, until cancelled."""
        places = await wait_partitions(settings.bootstrap, topic_name(settings.namespace, "decisions"))
        async with reader(settings.bootstrap, committed=True) as consumer:
            consumer.assign(places)
            await consumer.seek_to_end(*places)
            for place in places:
                await consumer.position(place)  # asks the broker: from here on nothing is missed
            READY.add("decisions")
            async for record in _records(consumer):
                self.take(record.value or b"")

    def take(self, value: bytes) -> None:
        """Take up one decision; bytes that are none are nobody's."""
        if not value.startswith(_HEAD):
            return
        one = value[_ID]
        self._kept[one] = value
        if len(self._kept) > KEPT_MAX:
            self._kept.popitem(last=False)
        for waiting in self._awaited.pop(one, ()):
            if not waiting.done():
                waiting.set_result(value)

    async def wait(self, decision_id: str, deadline_s: float) -> Decision | None:
        """Return a decision as soon as it is committed; None if it is not by then (the event loop's time)."""
        one = decision_id.encode()
        if (known := self._kept.get(one)) is not None:
            return decode_decision(known)
        waiting: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._awaited.setdefault(one, []).append(waiting)
        try:
            async with asyncio.timeout_at(deadline_s):
                return decode_decision(await waiting)
        except TimeoutError:
            return None
        finally:
            if (others := self._awaited.get(one)) is not None:
                others.remove(waiting)
                if not others:
                    del self._awaited[one]


async def _records(consumer: AIOKafkaConsumer) -> AsyncIterator[ConsumerRecord[bytes, bytes]]:
    while True:
        for records in (await consumer.getmany(timeout_ms=_POLL_MS)).values():
            for record in records:
                yield record
