"""Feeds the year to `raw-events`, in the order of time, no faster than the stream takes it; then ends the history.

Run by `continuo demo`; alone: `python -m examples.grocery.feeder --households 100 --until 2017-03-01`.
It says on its standard output how far it is, one JSON object a line: events `fed`, `in_flight` and, all told, `of`;
`at`, the instant fed last (epoch ms); and what it is doing, its `phase`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

import click
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from agents import service
from agents import settings as deployment
from agents.codecs.avro import decode_event, encode_tick
from agents.committed import wait_partitions
from agents.policy_topic import read_current
from agents.settings import Settings
from agents.settled import Followed, wait_settled
from agents.transactions import Written, write
from agents.transport.clients import BATCH_BYTES_MAX, reader
from examples.grocery.adapter import count
from examples.grocery.alignment import DAY_MS, Alignment
from examples.grocery.tables import load
from examples.grocery.wire import Told, encoded
from streams.partition import partition_of
from streams.policy import Policy, compile_policy
from streams.records import Tick
from streams.topology import TOPICS, topic_name

FLUSH_EVENTS: Final = 2_000  # written together: half a day of the year
END_MS: Final = 16 * DAY_MS  # a history ends with its last window: 14 days, and 2 for the late
GAP_MS: Final = 6 * DAY_MS  # a shard refuses an event that is a week ahead of its clock: a tick goes before it
STALL_S: Final = 10.0  # without an acceptance; then we ask what was read, for what is refused is never accepted
PATIENCE_S: Final = 600.0
PROGRESS_S: Final = 0.5

Progress = Callable[[dict[str, Any]], None]


class Feeder:
    """One feeding of a deployment."""

    def __init__(
        self, settings: Settings, producer: AIOKafkaProducer, followed: Iterable[Followed], progress: Progress
    ) -> None:
        self._servers: Final = settings.bootstrap
        self._group: Final = settings.namespace
        self._raw: Final = topic_name(settings.namespace, "raw-events")
        self._ticks: Final = topic_name(settings.namespace, "ticks")
        self._count: Final = settings.partitions
        self._producer: Final = producer
        self._followed: Final = list(followed)
        self._progress: Final = progress
        self._alignment: Final = Alignment(settings.partitions)
        self._partitions: Final[dict[bytes, int]] = {}  # by key
        self._pending: list[Written] = []
        self._accepted: Final = asyncio.Event()
        self._fed = 0
        self._phase = "feeding"

    async def feed(self, told: Iterable[Told]) -> None:
        """Feed all events, wait until the stream has come to rest, and end the history."""
        last_at = 0
        for at, key, values in told:
            partition = self._partition(key)
            if 0 < self._alignment.fed_until[partition] < at - GAP_MS:
                await self._bridge(partition, at)
            if not self._alignment.may_feed(at):
                await self._wait_room(at)
            self._pending += [Written(self._raw, partition, key, value) for value in values]
            self._alignment.feed(partition, at, len(values))
            self._fed += len(values)
            last_at = max(last_at, at)
            if len(self._pending) >= FLUSH_EVENTS:
                await self._flush()
        await self._flush()
        self._phase = "settling"
        await wait_settled(self._servers, self._followed, PATIENCE_S)
        self._phase = "ending"
        await self._tick(range(self._count), last_at + END_MS)
        await wait_settled(self._servers, self._followed, PATIENCE_S)
        self._phase = "done"

    async def follow(self, consumer: AIOKafkaConsumer) -> None:
        """Read what is accepted: the last event of each fetch says how far its partition is."""
        while True:
            for place, records in (await consumer.getmany(timeout_ms=1_000)).items():
                self._alignment.accept(place.partition, decode_event(records[-1].value).accepted_at)
            self._accepted.set()

    def report(self) -> None:
        """Say how far the feeding is."""
        at = max(self._alignment.fed_until)
        self._progress({"phase": self._phase, "fed": self._fed, "in_flight": self._alignment.in_flight, "at": at})

    def _partition(self, key: bytes) -> int:
        partition = self._partitions.get(key)
        if partition is None:
            partition = self._partitions[key] = partition_of(key.decode(), self._count)
        return partition

    async def _flush(self) -> None:
        pending, self._pending = self._pending, []
        await write(self._producer, pending)

    async def _wait_room(self, at: int) -> None:
        """Wait until the slowest partition is near enough, and the backlog small enough."""
        await self._flush()
        while not self._alignment.may_feed(at):
            self._accepted.clear()
            try:
                async with asyncio.timeout(STALL_S):
                    await self._accepted.wait()
            except TimeoutError:
                await self._wait_read(self._raw)
                self._alignment.accept_all()

    async def _bridge(self, partition: int, at: int) -> None:
        """Move a partition's clock across a gap: nobody there did anything for days."""
        await self._flush()
        await self._wait_read(self._raw)
        await self._tick([partition], at - DAY_MS)
        await self._wait_read(self._ticks)

    async def _tick(self, partitions: Iterable[int], at: int) -> None:
        value = encode_tick(Tick(at))
        await write(self._producer, [Written(self._ticks, partition, None, value) for partition in partitions])

    async def _wait_read(self, topic: str) -> None:
        await wait_settled(self._servers, [Followed(self._group, topic)], PATIENCE_S)


def followed_by(policy: Policy, namespace: str) -> list[Followed]:
    """Return who reads what in a deployment of the policy: the worker, model workers, delivery channels."""
    sources = [topic.noun for topic in TOPICS if topic.source and not topic.control]
    worker = [Followed(namespace, topic_name(namespace, noun)) for noun in sources]
    asked = [
        Followed(f"{namespace}.model.{model.name}", topic_name(namespace, "requests", model.name))
        for model in policy.models.values()
        if not model.inline
    ]
    activations = topic_name(namespace, "activations")
    return [*worker, *asked, *(Followed(f"{namespace}.channel.{channel}", activations) for channel in policy.channels)]


async def feed(settings: Settings, told: Iterable[Told], progress: Progress, stop: asyncio.Event) -> None:
    """Feed a history to a deployment that runs, until the deployment has nothing left to do, or `stop`."""
    policy = compile_policy(await read_current(settings.bootstrap, settings.namespace))
    events = await wait_partitions(settings.bootstrap, topic_name(settings.namespace, "events"))
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.bootstrap, enable_idempotence=True, max_batch_size=BATCH_BYTES_MAX
    )
    await producer.start()
    try:
        async with reader(settings.bootstrap, committed=True) as consumer:
            consumer.assign(events)
            await consumer.seek_to_beginning(*events)
            feeder = Feeder(settings, producer, followed_by(policy, settings.namespace), progress)
            await _first_of(feeder.feed(told), feeder.follow(consumer), _report(feeder), stop.wait())
            feeder.report()
    finally:
        await producer.stop()


async def _first_of(*works: Coroutine[Any, Any, Any]) -> None:
    """Run all of them until the first one ends, and raise what it raised."""
    tasks = [asyncio.create_task(work) for work in works]
    done, others = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in others:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    for task in done:
        task.result()


async def _report(feeder: Feeder) -> None:
    while True:
        feeder.report()
        await asyncio.sleep(PROGRESS_S)


@click.command()
@click.option("--households", type=click.IntRange(min=1), help="Feed the events of so many households only.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="Feed the days before this one only.")
def main(households: int | None, until: datetime | None) -> None:
    """Feed the grocery chain's year to the deployment that the settings name."""
    settings = deployment.load()

    year = load(households, until.date() if until else None)
    of = count(year)

    def progress(said: dict[str, Any]) -> None:
        print(json.dumps(said | {"of": of}), flush=True)

    service.run("feeder", lambda stop: feed(settings, encoded(year), progress, stop))


if __name__ == "__main__":
    main()
