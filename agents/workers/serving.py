"""Serves one model: requests in micro-batches from its topic, proposals to the shards that asked.

Reads uncommitted and answers before anything is committed: asking a model is free and without side effects, so an
answer to a question that never happened costs nothing and is dropped by its shard.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Final

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import CommitFailedError

from agents import telemetry
from agents.codecs.avro import decode_request_batch, encode_model_version, encode_proposal_batch
from agents.codecs.errors import Undecodable
from agents.committed import read_committed, wait_partitions
from agents.lag import behind
from agents.service import READY, started
from agents.settings import Settings
from agents.transactions import Written, write
from agents.transport.clients import BATCH_BYTES_MAX, new_consumer, new_writer
from agents.workers.answering import answer, live
from agents.workers.kinds import HEARTBEAT, SIGNALS, heard
from agents.workers.shelf import Shelf
from streams.records import ModelVersion, Proposal, ProposalBatch, Request, RequestBatch
from streams.topology import topic_name

STATUSES: Final = ("ok", "cold", "error")  # of answers
HEARTBEAT_S: Final = 3.0  # a shard believes in a process for 10 s
VERSION_WAIT_S: Final = 1.0  # a version that a shard has read is on the topic: it can only be on its way here
LOCKSTEP_WAIT_S: Final = 60.0  # there no answer may depend on who is slow; what is gone for good was answered before
COMMIT_S: Final = 1.0  # of positions; what a crash makes us answer again are orphans
BATCHES_MAX: Final = 32  # taken at once: 8,192 requests, about 0.1 s of answering
ANSWER_BYTES_MAX: Final = 256 << 10
_PROPOSAL_BYTES: Final = 160  # of a proposal beside its outputs, at most

_log = structlog.get_logger(__name__)


async def serve(settings: Settings, model: str, stop: asyncio.Event) -> None:
    """Answer what shards ask the model until `stop`."""
    servers, namespace = settings.bootstrap, settings.namespace
    requests = topic_name(namespace, "requests", model)
    await wait_partitions(servers, requests)
    server = ModelServer(settings, model)
    async with AsyncExitStack() as stack:
        producer = new_writer(servers, max_batch_size=BATCH_BYTES_MAX, request_timeout_ms=15_000)
        await stack.enter_async_context(started(producer))
        follower = await stack.enter_async_context(server.follow())
        consumer = new_consumer(
            servers,
            requests,
            group_id=f"{namespace}.model.{model}",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            heartbeat_interval_ms=500,
            session_timeout_ms=6_000,
        )
        await stack.enter_async_context(started(consumer))
        beside = [asyncio.create_task(server.keep_following(follower)), asyncio.create_task(server.beat(producer))]
        for task in beside:
            stack.callback(task.cancel)
        _log.info("serving", model=model, versions=server.shelf.names())
        READY.add(model)
        seconds = telemetry.current("model").histogram("continuo_model_answer_seconds", model)
        lag = telemetry.current("model").gauge("continuo_model_lag_records", model)
        answered_at, committed_at = 0.0, time.monotonic()
        while not stop.is_set():
            for task in beside:
                if task.done():
                    task.result()  # raises: neither ends by itself
            polled = await consumer.getmany(timeout_ms=500, max_records=BATCHES_MAX)
            lag.set(await behind(consumer, consumer.assignment()))
            batches = [batch for records in polled.values() for record in records if (batch := _decode(record.value))]
            if batches:
                with seconds.time():
                    await write(producer, await server.answer(batches))
                answered_at = time.monotonic()
            if answered_at > committed_at and time.monotonic() - committed_at >= COMMIT_S:
                await _commit(consumer)
                committed_at = time.monotonic()
        await _commit(consumer)
        _log.info("stopped", model=model, answered=server.answered, expired=server.expired)


class ModelServer:
    """One model's versions and its answers, beside the clients that carry them."""

    def __init__(self, settings: Settings, model: str) -> None:
        self.shelf = Shelf()
        self.answered = 0
        self.expired = 0
        self._settings = settings
        self._model = model
        self._telemetry = telemetry.current("model")
        self._models = topic_name(settings.namespace, "models")
        self._proposals = topic_name(settings.namespace, "proposals")
        self._arrived = asyncio.Condition()
        self._given_up: set[str] = set()  # versions waited for in vain, until another one arrives
        self._telemetry.counter("continuo_model_expired_total", model)
        self._telemetry.gauge("continuo_model_versions", model)
        for status in STATUSES:
            self._telemetry.counter("continuo_model_answers_total", model, status)

    @asynccontextmanager
    async def follow(self) -> AsyncIterator[AIOKafkaConsumer]:
        """Learn the versions that are there; yield the consumer from which the next ones come."""
        there = await read_committed(self._settings.bootstrap, self._models)
        for record in there.records:
            self._learn(record.value)
        follower = new_consumer(
            self._settings.bootstrap,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="none",
        )
        async with started(follower):
            follower.assign(list(there.next_offsets))
            for place, offset in there.next_offsets.items():
                follower.seek(place, offset)
            yield follower

    async def keep_following(self, follower: AIOKafkaConsumer) -> None:
        """Learn versions as they are published."""
        while True:
            polled = await follower.getmany(timeout_ms=1_000)
            fresh = [self._learn(record.value) for records in polled.values() for record in records]
            if any(fresh):
                async with self._arrived:
                    self._given_up.clear()
                    self._arrived.notify_all()

    async def beat(self, producer: AIOKafkaProducer) -> None:
        """Say every HEARTBEAT_S that this model is served."""
        beat = ModelVersion(self._model, "", HEARTBEAT, 0, 0, b"", None, [], {})
        while True:
            beat.published_at = _wall_ms()
            key = f"{HEARTBEAT}/{self._model}".encode()
            await write(producer, [Written(self._models, 0, key, encode_model_version(beat))])
            await asyncio.sleep(HEARTBEAT_S)

    async def answer(self, batches: list[RequestBatch]) -> list[Written]:
        """Return the answers to some request batches, in order; what has expired gets none."""
        now = _wall_ms()
        asked = [(batch.reply_partition, live(batch.items, now)) for batch in batches]
        await self._wait_versions({item.version for _, items in asked for item in items})
        written: list[Written] = []
        for (reply_partition, items), batch in zip(asked, batches, strict=True):
            self.expired += len(batch.items) - len(items)
            self.answered += len(items)
            self._telemetry.counter("continuo_model_expired_total", self._model).inc(len(batch.items) - len(items))
            proposals = self._propose(items)
            for status, count in Counter(one.status for one in proposals).items():
                self._telemetry.counter("continuo_model_answers_total", self._model, status).inc(count)
            for part in _parts(proposals):
                value = encode_proposal_batch(ProposalBatch(self._model, part))
                written.append(Written(self._proposals, reply_partition, None, value))
        return written

    def _propose(self, items: list[Request]) -> list[Proposal]:
        # Two runs in lockstep give the same bytes: what the wall clock measures is recorded as 0.
        return answer(items, self.shelf.get, (lambda: 0) if self._settings.lockstep else _wall_ms)

    def _learn(self, value: bytes | None) -> bool:
        """Keep a version of our model; tell whether it was one."""
        version = heard(value)
        if version is None or version.model != self._model or version.kind in SIGNALS:
            return False
        self.shelf.put(version)
        self._telemetry.gauge("continuo_model_versions", self._model).set(len(self.shelf.names()))
        return True

    async def _wait_versions(self, versions: set[str]) -> None:
        def unknown() -> set[str]:
            return {name for name in versions - self._given_up if name and not self.shelf.has(name)}

        if not unknown():
            return
        wait_s = LOCKSTEP_WAIT_S if self._settings.lockstep else VERSION_WAIT_S
        try:
            async with asyncio.timeout(wait_s), self._arrived:
                await self._arrived.wait_for(lambda: not unknown())
        except TimeoutError:
            self._given_up |= unknown()
            _log.warning("answered cold", model=self._model, versions=sorted(self._given_up))


async def _commit(consumer: AIOKafkaConsumer) -> None:
    """Store the positions of what is answered; after a rebalance others store theirs, and answer some of it again."""
    if consumer.assignment():
        with suppress(CommitFailedError):
            await consumer.commit()


def _parts(proposals: list[Proposal]) -> list[list[Proposal]]:
    """Cut answers into records of at most ANSWER_BYTES_MAX."""
    largest = max((len(one.outputs) for one in proposals), default=0)
    size = max(1, ANSWER_BYTES_MAX // (_PROPOSAL_BYTES + 8 * largest))
    return [proposals[at : at + size] for at in range(0, len(proposals), size)]


def _decode(value: bytes | None) -> RequestBatch | None:
    """Return the batch; None for bytes that no worker of ours wrote, which nobody waits for."""
    try:
        return decode_request_batch(value)
    except Undecodable as error:
        _log.error("request refused", why=str(error))
        return None


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000
