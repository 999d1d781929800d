"""From assigned to running: wait until the changelog is settled, restore, distrust the positions, begin."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import monotonic

from aiokafka import AIOKafkaConsumer, TopicPartition

from agents.settings import Settings
from agents.telemetry import Telemetry
from agents.transport.applier import ApplierFactory
from agents.transport.clients import reader
from agents.transport.committer import Committer, Pace
from agents.transport.errors import Refused
from agents.transport.positions import Position, check_deployment, check_places
from agents.transport.restore import Restored, read_back, wait_settled
from agents.transport.shard import Shard
from agents.transport.transactions import Transactions
from agents.transport.tuning import Tuning
from streams.topology import BY_NOUN, topic_name

EARLY_READERS = "model workers"  # free and without side effects: may see what is not committed (docs/protocol.md)


@dataclass(frozen=True)
class Deployment:
    """What all shards of a worker have in common."""

    settings: Settings
    tuning: Tuning
    nouns: frozenset[str]  # sources, control topics included
    factory: ApplierFactory
    telemetry: Telemetry
    on_commit: Callable[[], None]

    @property
    def expected(self) -> Position:
        """Return the position of a shard that has read nothing yet."""
        return Position(partitions=self.settings.partitions, mode=self.settings.mode, namespace=self.settings.namespace)

    def name(self, noun: str) -> str:
        """Return the full name of a topic."""
        return topic_name(self.settings.namespace, noun)

    def source(self, noun: str, partition: int) -> TopicPartition:
        """Return what shard `partition` reads of a source: control topics have one partition, for all."""
        return TopicPartition(self.name(noun), 0 if BY_NOUN[noun].control else partition)

    def is_early(self, topic: str) -> bool:
        """Tell whether a topic's readers may see the uncommitted."""
        noun = topic.removeprefix(f"{self.settings.namespace}.").partition(".")[0]
        return noun in BY_NOUN and BY_NOUN[noun].read_by == EARLY_READERS


async def open_shards(partitions: Iterable[int], deployment: Deployment, committer: Committer) -> dict[int, Shard]:
    """Return a running shard for each partition number; nobody else may be able to commit to them any more.

    Raises Refused when state or sources are not what they were.
    """
    shards = {partition: new_shard(partition, deployment) for partition in partitions}
    began = monotonic()
    servers = deployment.settings.bootstrap
    async with reader(servers, committed=True) as committed, reader(servers, committed=False) as uncommitted:
        changelog = deployment.name("changelog")
        logs = [TopicPartition(changelog, partition) for partition in shards]
        await wait_settled(committed, uncommitted, logs, deployment.tuning.settle_s)
        restored = await read_back(committed, changelog, shards)
        await _check(uncommitted, restored, deployment)
        starts = await _starts(uncommitted, restored, deployment)
    for partition, shard in shards.items():
        state = restored[partition]
        shard.restore(state.position or deployment.expected, starts[partition])
        applier = deployment.factory(partition, state.rows, shard.position.step)
        shard.begin(applier, committer.share(partition, shard))
        number = str(partition)
        deployment.telemetry.counter("continuo_transport_restored_records_total", number).inc(state.records)
        deployment.telemetry.gauge("continuo_transport_restore_seconds", number).set(monotonic() - began)
        deployment.telemetry.gauge("continuo_transport_step", number).set(shard.position.step)
    return shards


def new_shard(partition: int, deployment: Deployment) -> Shard:
    """Return a shard that has nothing yet."""
    settings, tuning = deployment.settings, deployment.tuning
    return Shard(
        settings.namespace,
        partition,
        deployment.nouns,
        # In lockstep a round blocks its partition at once, so records are applied one by one.
        chunk_max=1 if settings.lockstep else settings.chunk_max,
        turn_ms_max=tuning.turn_ms_max_history if settings.mode == "history" else tuning.turn_ms_max,
    )


def new_committer(transactions: Transactions, deployment: Deployment) -> Committer:
    """Return the committer of a worker."""
    settings, tuning = deployment.settings, deployment.tuning
    longest_ms = max(settings.commit_interval_ms, tuning.commit_interval_ms_max)
    return Committer(
        transactions,
        deployment.name("changelog"),
        deployment.on_commit,
        deployment.is_early,
        Pace(
            # In a history nobody waits for a single decision, and every commit costs as much as a hundred records.
            (longest_ms if settings.mode == "history" else settings.commit_interval_ms) / 1000,
            longest_ms / 1000,
            tuning.pending_max,
            tuning.transaction_timeout_s,
        ),
        deployment.telemetry,
    )


async def _check(uncommitted: AIOKafkaConsumer, restored: dict[int, Restored], deployment: Deployment) -> None:
    expected = deployment.expected
    stored = {partition: state.position for partition, state in restored.items() if state.position is not None}
    problems = [
        problem for partition, position in stored.items() for problem in check_deployment(partition, position, expected)
    ]
    compacted = frozenset(deployment.name(noun) for noun in deployment.nouns if BY_NOUN[noun].compacted)
    # Shards share the control topics: the farthest place vouches for the ones before it.
    shared = {deployment.name(noun) for noun in deployment.nouns if BY_NOUN[noun].control}
    own = {
        TopicPartition(topic, partition): place
        for partition, position in stored.items()
        for topic, place in position.places.items()
        if topic not in shared and topic in map(deployment.name, deployment.nouns)
    }
    problems += await check_places(uncommitted, own, compacted)
    farthest = {
        TopicPartition(topic, 0): max(
            (position.places[topic] for position in stored.values() if topic in position.places),
            key=lambda place: place.next_offset,
        )
        for topic in shared
        if any(topic in position.places for position in stored.values())
    }
    problems += await check_places(uncommitted, farthest, compacted)
    if problems:
        told = [f"  {problem}" for problem in problems]
        raise Refused("\n".join(["the stored state does not fit what is there now:", *told]))


async def _starts(
    uncommitted: AIOKafkaConsumer, restored: dict[int, Restored], deployment: Deployment
) -> dict[int, dict[str, int]]:
    """Return, by partition and topic, the first offset to read: behind the stored place, else the log's start."""
    sources = {
        (partition, noun): deployment.source(noun, partition) for partition in restored for noun in deployment.nouns
    }
    first = await uncommitted.beginning_offsets(sorted(set(sources.values())))
    starts: dict[int, dict[str, int]] = {partition: {} for partition in restored}
    for (partition, _), tp in sources.items():
        position = restored[partition].position
        place = position.places.get(tp.topic) if position is not None else None
        starts[partition][tp.topic] = first[tp] if place is None else place.next_offset
    return starts
