"""Control topics: one partition, read whole by every worker, outside the group, offered to every shard.

Theory of operation. At start all of it is read once, so that what it holds (policies, model versions) is there before
the first shard is. From then on every record goes to every shard, which takes it as a step of its own and keeps its own
place in it. A shard that begins with an older place has the reader go back to that place; the other shards drop what
they have had. Until the reader has come to where the topic ended, the new shard takes no events.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from agents.transport.clients import new_consumer
from agents.transport.errors import die
from agents.transport.shard import Shard

POLL_MS: Final = 1_000  # how long an idle fetch waits; a new record ends it at once

Listener = Callable[[str, Sequence[ConsumerRecord]], None]
"""Told of every control record once per worker: (topic, records)."""


class ControlReader:
    """Reads the control topics of a worker."""

    def __init__(
        self, servers: str, topics: Iterable[str], listener: Listener, offer: Callable[[], None]
    ) -> None:
        """Prepare; `offer` is called when shards have been given records or are no longer held."""
        self._servers = servers
        self._tps = [TopicPartition(topic, 0) for topic in topics]
        self._listener = listener
        self._offer = offer
        self._heard: dict[TopicPartition, int] = {}  # offset behind the last record the listener was told of
        self._goal: dict[TopicPartition, int] = {}  # until which the held shards wait
        self._back: dict[TopicPartition, int] = {}  # where the reader has to go back to
        self._rewind = asyncio.Event()
        self._consumer: AIOKafkaConsumer | None = None
        self._task: asyncio.Task[None] | None = None
        self._shards: Mapping[int, Shard] = {}  # those that are offered records

    async def start(self) -> None:
        """Read all topics to their end."""
        if not self._tps:
            return
        consumer = self._consumer = new_consumer(
            self._servers,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="none",
            fetch_max_wait_ms=100,  # bounds how long a reader that goes back waits for the fetch under way
            max_partition_fetch_bytes=16 << 20,  # a model's artefact is up to 8 MiB
        )
        await consumer.start()
        consumer.assign(self._tps)
        for tp, offset in (await consumer.beginning_offsets(self._tps)).items():
            consumer.seek(tp, offset)
        end = await consumer.end_offsets(self._tps)
        while any([await consumer.position(tp) < end[tp] for tp in self._tps]):
            self._tell(await consumer.getmany(timeout_ms=POLL_MS))
        self._task = asyncio.create_task(self._run(consumer), name="control-reader")

    async def stop(self) -> None:
        """Stop reading."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._consumer is not None:
            await self._consumer.stop()

    async def catch_up(self, shards: Mapping[int, Shard]) -> None:
        """Offer records to these shards from now on, each from its own place; hold events until what is there is."""
        if self._consumer is None or not shards:
            return
        goal = await self._consumer.end_offsets(self._tps)
        # No await from here on: the reader has to go back before it offers these shards anything.
        self._shards, self._goal = shards, goal
        for tp in self._tps:
            self._back[tp] = min(shard.sources[tp.topic].next_offset for shard in shards.values())
        for shard in shards.values():
            shard.held = any(shard.sources[tp.topic].next_offset < goal[tp] for tp in self._tps)
        self._rewind.set()

    def suspend(self) -> None:
        """Offer nothing to anybody until `catch_up`."""
        self._shards = {}

    async def _run(self, consumer: AIOKafkaConsumer) -> None:
        try:
            while True:
                fetch = asyncio.create_task(consumer.getmany(timeout_ms=POLL_MS))
                await self._wait_first(fetch)
                fetched = {} if fetch.cancelled() else fetch.result()
                self._tell(fetched)
                if not self._rewind.is_set():
                    self._give(fetched)
                else:  # what was fetched meanwhile is behind the place to go back to, and is read again from there
                    self._rewind.clear()
                    for tp, offset in self._back.items():
                        consumer.seek(tp, min(offset, await consumer.position(tp)))
                await self._release(consumer)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 — a worker that no longer hears policies must not decide
            die("reading the control topics failed", error, bug=True)

    async def _wait_first(self, fetch: asyncio.Task[object]) -> None:
        """Wait for records or for a rewind, which cancels the fetch."""
        rewind = asyncio.create_task(self._rewind.wait())
        try:
            await asyncio.wait({fetch, rewind}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            rewind.cancel()
            fetch.cancel()
        await asyncio.wait({fetch})

    def _give(self, fetched: Mapping[TopicPartition, Sequence[ConsumerRecord]]) -> None:
        for tp, records in fetched.items():
            for shard in self._shards.values():
                shard.sources[tp.topic].offer(records)
        if fetched:
            self._offer()

    def _tell(self, fetched: Mapping[TopicPartition, Sequence[ConsumerRecord]]) -> None:
        for tp, records in fetched.items():
            news = [record for record in records if record.offset >= self._heard.get(tp, 0)]
            if news:
                self._heard[tp] = news[-1].offset + 1
                self._listener(tp.topic, news)

    async def _release(self, consumer: AIOKafkaConsumer) -> None:
        if not self._goal or self._rewind.is_set():
            return
        for tp, goal in self._goal.items():
            if await consumer.position(tp) < goal:
                return
        self._goal = {}
        for shard in self._shards.values():
            shard.held = False
        self._offer()
