"""Dispatches one delivery channel: activations in, one ledger in two transactions around each batch, reports out.

Starting the producer fences any other process of this delivery channel, so there is one dispatcher at a time. The
source's positions are committed with `done`: until then a restart reads the activation again, and with it what to send.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from contextlib import AsyncExitStack, suppress
from typing import Final

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from agents import telemetry
from agents.channels.contract import DeliveryKind
from agents.channels.delivery import Clock, Delivery, Phase
from agents.channels.ledger import Ledger
from agents.channels.tally import Tally
from agents.codecs.avro import decode_activation, decode_dispatch, encode_dispatch, encode_raw_event
from agents.committed import read_committed, wait_partitions
from agents.lag import behind
from agents.service import READY, started
from agents.settings import Settings
from agents.spans import spans_of
from agents.transactions import PATIENCE_S, Written, commit
from agents.transport.clients import new_producer
from streams.partition import partition_of
from streams.topology import topic_name

BATCH_MAX: Final = 1_000  # activations: two transactions of about 20 ms each, whatever is in them
PACE_S: Final = 0.3  # between two batches that are not full: a transaction costs as much as a hundred activations
IDLE_COMMIT_S: Final = 1.0  # of positions behind activations that were for others

_log = structlog.get_logger(__name__)


async def dispatch(settings: Settings, name: str, kind: DeliveryKind, delay_ms: int, stop: asyncio.Event) -> None:
    """Carry out the activations of one delivery channel until `stop`; `delay_ms` is what the policy declares."""
    servers, namespace = settings.bootstrap, settings.namespace
    activations = await wait_partitions(servers, topic_name(namespace, "activations"))
    dispatches = topic_name(namespace, "dispatches")
    group_id = f"{namespace}.channel.{name}"
    written = Topics(
        dispatches,
        len(await wait_partitions(servers, dispatches)),
        topic_name(namespace, "raw-events"),
        len(await wait_partitions(servers, topic_name(namespace, "raw-events"))),
    )
    async with AsyncExitStack() as stack:
        fenced = new_producer(servers, f"{namespace}-channel-{name}", PATIENCE_S)
        producer = await stack.enter_async_context(started(fenced))
        ledger = await _read_ledger(servers, dispatches, name)
        consumer = AIOKafkaConsumer(
            bootstrap_servers=servers,
            group_id=group_id,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        await stack.enter_async_context(started(consumer))
        consumer.assign(activations)
        _log.info("dispatching", delivery_channel=name, unfinished=len(ledger.unfinished()))
        READY.add(name)
        delivery = Delivery(name, kind, ledger, Clock(settings.mode == "live", delay_ms))
        tally = Tally(telemetry.current("channel"), name, spans_of(settings, "channel"))
        count = 0
        done = await _positions(consumer)
        committed_at = time.monotonic()
        while not stop.is_set():
            polled = await consumer.getmany(timeout_ms=500, max_records=BATCH_MAX)
            tally.lag.set(await behind(consumer, activations))
            records = [record for found in polled.values() for record in found]
            batch = [decode_activation(record.value) for record in records]
            mine = [activation for activation in batch if activation.delivery_channel == name]
            if mine:
                intended = delivery.intend(mine)
                await commit(producer, written.of(intended))
                done = await _positions(consumer)
                delivered = delivery.deliver()
                await commit(producer, written.of(delivered), done, group_id)
                stamps = {one.activation_id: record.timestamp for one, record in zip(batch, records, strict=True)}
                tally.note(len(mine), intended.reports + delivered.reports, stamps, time.time_ns() // 1_000_000)
                count += len(mine)
                committed_at = time.monotonic()
                if len(batch) < BATCH_MAX:
                    await _wait_for(stop, PACE_S)
            elif time.monotonic() - committed_at > IDLE_COMMIT_S and (passed := await _positions(consumer)) != done:
                await commit(producer, [], passed, group_id)
                done, committed_at = passed, time.monotonic()
        _log.info("stopped", delivery_channel=name, dispatched=count)


async def _read_ledger(servers: str, topic: str, delivery_channel: str) -> Ledger:
    ledger = Ledger(delivery_channel)
    for record in (await read_committed(servers, topic)).records:
        if record.value is not None:
            ledger.take(decode_dispatch(record.value))
    return ledger


async def _wait_for(stop: asyncio.Event, seconds: float) -> None:
    """Wait so long, or until `stop`."""
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


async def _positions(consumer: AIOKafkaConsumer) -> dict[TopicPartition, int]:
    return {place: await consumer.position(place) for place in consumer.assignment()}


class Topics:
    """Where a phase is written: the ledger by activation, reports in the partition of their person."""

    def __init__(self, dispatches: str, dispatch_partitions: int, raw_events: str, raw_partitions: int) -> None:
        self._dispatches = dispatches
        self._dispatch_partitions = dispatch_partitions
        self._raw_events = raw_events
        self._raw_partitions = raw_partitions

    def of(self, phase: Phase) -> Iterable[Written]:
        """Yield the records of a phase."""
        for entry in phase.entries:
            yield self._entry(entry.activation_id, encode_dispatch(entry))
        for activation_id in phase.forgotten:
            yield self._entry(activation_id, None)
        for report in phase.reports:
            partition = partition_of(report.profile_id, self._raw_partitions)
            yield Written(self._raw_events, partition, report.profile_id.encode(), encode_raw_event(report))

    def _entry(self, activation_id: str, value: bytes | None) -> Written:
        partition = partition_of(activation_id, self._dispatch_partitions)
        return Written(self._dispatches, partition, activation_id.encode(), value)
