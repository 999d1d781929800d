"""Dispatches one delivery channel: activations in, one ledger in two transactions around each slice, reports out.

Starting the producer fences any other process of this delivery channel, so there is one dispatcher at a time. The
positions that are committed with `done` stand before whatever is still owed: a restart reads those activations again.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack, suppress
from typing import Final

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition

from agents import telemetry
from agents.channels.contract import DeliveryKind
from agents.channels.delivery import Clock, Delivery, Phase
from agents.channels.tally import Tally
from agents.channels.topics import Topics
from agents.channels.view import View
from agents.codecs.avro import decode_activation
from agents.committed import wait_partitions
from agents.lag import behind
from agents.service import READY, started
from agents.settings import Settings
from agents.spans import spans_of
from agents.transactions import PATIENCE_S, commit
from agents.transport.clients import new_consumer, new_producer
from streams.policy import Policy
from streams.records import Activation
from streams.topology import topic_name

BATCH_MAX: Final = 1_000  # activations taken and not settled: two transactions of about 20 ms each, whatever is in them
PACE_S: Final = 0.3  # between two batches that are not full: a transaction costs as much as a hundred activations
IDLE_COMMIT_S: Final = 1.0  # of positions behind activations that were for others
RESOLVE_S: Final = 5.0  # between two times that the fate of unknown activations is asked for

_log = structlog.get_logger(__name__)


async def dispatch(settings: Settings, name: str, kind: DeliveryKind, policy: Policy, stop: asyncio.Event) -> None:
    """Carry out the activations of one delivery channel of a policy until `stop`."""
    servers, namespace = settings.bootstrap, settings.namespace
    activations = await wait_partitions(servers, topic_name(namespace, "activations"))
    topics = await Topics.find(servers, namespace)
    async with AsyncExitStack() as stack:
        fenced = new_producer(servers, f"{namespace}-channel-{name}", PATIENCE_S)
        producer = await stack.enter_async_context(started(fenced))
        ledger = await topics.read_ledger(servers, name)
        clock = Clock(settings.mode == "live", policy.channels[name].delay_ms)
        view = await stack.enter_async_context(View(servers, namespace, name, policy))
        unknown = await topics.read_unknown(servers)
        delivery = Delivery(name, kind, ledger, clock, refuse=view.permits.refuse, unknown=unknown)
        consumer = new_consumer(
            servers,
            group_id=f"{namespace}.channel.{name}",
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        await stack.enter_async_context(started(consumer))
        consumer.assign(activations)
        _log.info("dispatching", delivery_channel=name, unfinished=len(ledger.unfinished()))
        await delivery.recover()
        READY.add(name)
        tally = Tally(telemetry.current("channel"), name, spans_of(settings, "channel"))
        tally.resting.set_function(lambda: kind.is_resting)
        dispatcher = Dispatcher(name, delivery, view, topics, producer, consumer, tally)
        await dispatcher.run(f"{namespace}.channel.{name}", activations, stop)
        _log.info("stopped", delivery_channel=name, dispatched=dispatcher.count, owed=len(delivery.owed))


class Dispatcher:
    """The loop of one delivery channel."""

    def __init__(
        self,
        name: str,
        delivery: Delivery,
        view: View,
        topics: Topics,
        producer: AIOKafkaProducer,
        consumer: AIOKafkaConsumer,
        tally: Tally,
    ) -> None:
        self.count = 0  # activations settled
        self._name: Final = name
        self._delivery: Final = delivery
        self._view: Final = view
        self._topics: Final = topics
        self._producer: Final = producer
        self._consumer: Final = consumer
        self._tally: Final = tally
        self._places: Final[dict[str, tuple[TopicPartition, int]]] = {}  # of what is owed: where it is read again
        self._done: dict[TopicPartition, int] = {}  # positions committed

    async def run(self, group_id: str, activations: list[TopicPartition], stop: asyncio.Event) -> None:
        """Take, deliver and report until `stop`."""
        self._done = await self._positions()
        resolved_at = committed_at = time.monotonic()
        while not stop.is_set():
            taken = await self._take()
            self._tally.lag.set(await behind(self._consumer, activations))
            if settled := await self._deliver(group_id, stop):
                committed_at = time.monotonic()
            elif time.monotonic() - committed_at > IDLE_COMMIT_S:
                committed_at = time.monotonic()
                if await self._positions() != self._done:
                    await self._commit(Phase(), group_id)
            if time.monotonic() - resolved_at > RESOLVE_S:
                await self._commit(await self._delivery.resolve())
                resolved_at = time.monotonic()
            if taken < BATCH_MAX and (settled or self._delivery.owed):
                await _wait_for(stop, PACE_S)

    async def _take(self) -> int:
        """Read as many activations as there is room for; return how many."""
        room = BATCH_MAX - len(self._delivery.owed)
        if room <= 0:
            return 0
        polled = await self._consumer.getmany(timeout_ms=0 if self._delivery.owed else 500, max_records=room)
        records: list[tuple[ConsumerRecord, Activation]] = []
        for found in polled.values():
            records += [(record, decode_activation(record.value)) for record in found]
        self._tally.repeated(self._delivery.take(one for _, one in records))
        for record, activation in records:
            if activation.activation_id in self._delivery.owed:
                place = TopicPartition(record.topic, record.partition)
                self._places.setdefault(activation.activation_id, (place, record.offset))
                self._tally.published(activation.activation_id, record.timestamp)
        return len(records)

    async def _deliver(self, group_id: str, stop: asyncio.Event) -> int:
        """Deliver slice by slice, until nothing is owed or a slice settles nothing; return how many are settled."""
        settled = 0
        while self._delivery.owed and not stop.is_set() and await self._may_go_out():
            before = len(self._delivery.owed)
            await self._commit(self._delivery.intend())
            await self._commit(await self._delivery.deliver(), group_id)
            now = before - len(self._delivery.owed)
            settled += now
            if not now:
                break
        self.count += settled
        return settled

    async def _may_go_out(self) -> bool:
        """Tell whether anything may be sent: on a fresh view, in which the delivery channel is not paused."""
        if not await self._view.refresh():
            _log.warning("nothing is sent", delivery_channel=self._name, why="stale_view")
            return False
        return not self._view.permits.is_paused

    async def _commit(self, phase: Phase, group_id: str = "") -> None:
        """Commit what a phase says, with the positions if a group is named."""
        for one in [one for one in self._places if one not in self._delivery.owed]:
            del self._places[one]
        positions = await self._positions() if group_id else {}
        if phase or (positions and positions != self._done):
            await commit(self._producer, self._topics.of(phase), positions, group_id)
            self._done = positions or self._done
        self._tally.note(phase.reports, time.time_ns() // 1_000_000)

    async def _positions(self) -> dict[TopicPartition, int]:
        """Return where a restart goes on: behind what was read, and before what is owed."""
        positions = {place: await self._consumer.position(place) for place in self._consumer.assignment()}
        for place, offset in self._places.values():
            positions[place] = min(positions[place], offset)
        return positions


async def _wait_for(stop: asyncio.Event, seconds: float) -> None:
    """Wait so long, or until `stop`."""
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
