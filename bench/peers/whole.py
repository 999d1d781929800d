"""The whole stream, as a worker on Kafka or in memory: seven stages, three models, a full decision per purchase.

`memory` runs the worker's own appliers on a list of records, without Kafka; what comes of it goes to a file, for the
harness to verify it. It says the two words of every peer.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from aiokafka import ConsumerRecord

from agents import telemetry
from agents.app import AGENTS, Parts
from agents.applier import ShardApplier
from agents.codecs.avro import encode_model_version
from agents.counts import Counts
from agents.policy_topic import BUNDLE, CURRENT, canonical
from agents.settings import Settings, load
from agents.telemetry import Telemetry
from agents.transport.app import StreamApp
from agents.transport.applier import Applier, ApplierFactory, Turn
from agents.transport.tuning import Tuning
from agents.transport.worker import run_worker
from bench import crowd
from bench.peers.job import Job, Progress, say, wait_killed
from streams.policy import bundle_hash
from streams.topology import topic_name

TURN: Final = 100  # records: about what a worker takes within 10 ms


class Counted:
    """An applier whose events are counted."""

    def __init__(self, applier: Applier, events: str, progress: Progress) -> None:
        """Count the records of the topic `events`."""
        self._events, self._progress = events, progress
        self._take: Callable[[str, Sequence[ConsumerRecord], int], Turn] = applier.take
        self.wake_at, self.fire, self.is_full = applier.wake_at, applier.fire, applier.is_full
        self._applier = applier

    @property
    def step(self) -> int:
        """The last step number used."""
        return self._applier.step

    def take(self, topic: str, records: Sequence[ConsumerRecord], now: int) -> Turn:
        """Apply, and count."""
        is_event = topic == self._events
        if is_event:
            self._progress.begin()
        turn = self._take(topic, records, now)
        if is_event:
            self._progress.applied += turn.consumed
        return turn


def on_kafka(job: Job, settings: Settings) -> None:
    """Run a worker; the same as `continuo worker` but for the counting and the web port."""
    parts = Parts(settings, Counts(telemetry.current()))
    progress = Progress(job)

    appliers: dict[int, ShardApplier] = {}

    def counted(partition: int, rows: dict[bytes, bytes], step: int) -> Applier:
        appliers[partition] = parts.applier(partition, rows, step)
        return Counted(appliers[partition], job.source, progress)

    def waits() -> bool:
        return any(applier.driver.state.rounds_open for applier in appliers.values())

    factory: ApplierFactory = counted
    tuning = Tuning(web_enabled=False)
    app = StreamApp(settings, factory, control=("policies", "models"), on_control=parts.listen, tuning=tuning)

    async def offer(stream: Any) -> None:
        async for chunk in stream.noack().events():
            await app.shards.offer(chunk)

    for noun in AGENTS:
        app.agent(app.source(noun), name=noun)(offer)

    @app.task  # type: ignore[untyped-decorator]
    async def report() -> None:
        while not progress.is_complete() or waits():  # noqa: ASYNC110 — polled, so that nothing is added to what is measured
            await asyncio.sleep(0.02)
        await app.shards.drain()
        progress.end()

    run_worker(app)


def in_memory(job: Job, settings: Settings, kept: Path) -> None:
    """Apply everything to shards that are not connected to anything."""
    parts = Parts(settings, Counts(Telemetry()))
    progress = Progress(job)
    control = {"policies": _policies(), "models": _models()}
    rows: list[dict[bytes, bytes]] = [{} for _ in range(job.partitions)]
    appliers = [Counted(parts.applier(at, rows[at], 0), job.source, progress) for at in range(job.partitions)]
    now = _wall_ms()
    for noun, told in control.items():
        topic = topic_name(settings.namespace, noun)
        records = [_record(topic, 0, offset, now, *one) for offset, one in enumerate(told)]
        parts.listen(topic, records)
        for applier in appliers:
            applier.take(topic, records, now)
    chunks = _chunks(job, now)
    outputs: list[tuple[int, str, bytes]] = []
    for partition, chunk in chunks:
        turn = appliers[partition].take(job.source, chunk, _wall_ms())
        outputs += [(partition, topic, value) for topic, _, _, value, _ in turn.outputs]
    say("end")
    kept.write_bytes(msgspec.msgpack.encode((outputs, rows)))
    say("kept")
    wait_killed()


def _chunks(job: Job, now: int) -> list[tuple[int, list[ConsumerRecord]]]:
    """Return the job's events in runs of one partition, in turn: the opening's first, then the purchases'."""
    runs: list[tuple[int, list[ConsumerRecord]]] = []
    offsets = [0] * job.partitions
    for told in (crowd.opening(job.warm, now), _purchases(job, now)):
        by_partition: list[list[ConsumerRecord]] = [[] for _ in range(job.partitions)]
        for partition, key, value in map(crowd.record, told):
            by_partition[partition].append(_record(job.source, partition, offsets[partition], now, key, value))
            offsets[partition] += 1
        longest = max(map(len, by_partition))
        runs += [
            (partition, by_partition[partition][first : first + TURN])
            for first in range(0, longest, TURN)
            for partition in range(job.partitions)
            if first < len(by_partition[partition])
        ]
    return runs


def _record(topic: str, partition: int, offset: int, now: int, key: bytes, value: bytes) -> ConsumerRecord:
    return ConsumerRecord(topic, partition, offset, now, 0, key, value, None, len(key), len(value), ())


def _purchases(job: Job, now: int) -> Any:
    return (crowd.purchase(n, n % job.warm, now) for n in range(job.events - job.warm))


def _policies() -> list[tuple[bytes, bytes]]:
    bundle = crowd.bundle()
    name = bundle_hash(bundle)
    return [(BUNDLE + name.encode(), canonical(bundle)), (CURRENT, name.encode())]


def _models() -> list[tuple[bytes, bytes]]:
    return [(f"{one.model}/{one.version}".encode(), encode_model_version(one)) for one in crowd.versions()]


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if sys.argv[1] == "memory":
        in_memory(Job.load(), load(), Path(os.environ["BENCH_STATE"]) / "kept")
    else:
        on_kafka(Job.load(), load())
