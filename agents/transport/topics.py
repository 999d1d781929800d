"""Topics as the topology has them: created where missing, refused where they differ in what cannot be changed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from agents.access.denials import TOPIC_DENIED, denied
from agents.transport.clients import admin
from agents.transport.errors import Refused
from streams.topology import FOREVER, TOPICS, Topic, topic_name

_EXISTS: Final = 36  # TOPIC_ALREADY_EXISTS: somebody was faster
REPLICATION_MAX: Final = 3
LEADERS_S: Final = 30.0  # an election takes milliseconds; a cluster that starts, seconds
_POLL_S: Final = 0.05


@dataclass(frozen=True)
class Wanted:
    """A topic as it has to be."""

    name: str
    partitions: int
    configs: dict[str, str]


@dataclass(frozen=True)
class Found:
    """A topic of the topology and how many partitions it has; None = it is not there."""

    wanted: Wanted
    partitions: int | None


def wanted_topics(namespace: str, partitions: int, models: Iterable[str] = ()) -> list[Wanted]:
    """Return all topics of a deployment; those `per_model` once for each of `models`."""
    names = sorted(models)
    return [
        Wanted(topic_name(namespace, topic.noun, model), 1 if topic.control else partitions, _configs(topic))
        for topic in TOPICS
        for model in (names if topic.per_model else [""])
    ]


def _configs(topic: Topic) -> dict[str, str]:
    configs = {
        "max.message.bytes": str(topic.record_bytes_max + (64 << 10)),  # the batch around the record counts too
        "retention.ms": str(topic.retention_s if topic.retention_s == FOREVER else topic.retention_s * 1000),
    }
    if topic.compacted:
        # Never compact,delete: a row that is only old is still a row.
        configs |= {"cleanup.policy": "compact", "segment.ms": "600000", "min.cleanable.dirty.ratio": "0.1"}
    return configs


async def list_topics(servers: str, wanted: Iterable[Wanted]) -> list[Found]:
    """Return each topic with the partitions it has now."""
    async with admin(servers) as client:
        return await _found(client, list(wanted))


async def create_topics(servers: str, wanted: Iterable[Wanted]) -> list[str]:
    """Create the topics that are missing and return their names.

    Raises Refused, before anything is created, naming every topic whose partition count differs.
    """
    async with admin(servers) as client:
        found = await _found(client, list(wanted))
        check_partitions(found)
        missing = [topic.wanted for topic in found if topic.partitions is None]
        if not missing:
            return []
        copies = min(REPLICATION_MAX, len(await _brokers(client)))
        answer = await client.create_topics(
            [NewTopic(topic.name, topic.partitions, copies, topic_configs=topic.configs) for topic in missing]
        )
        problems = [
            f"  {name}: {message or f'error {code}'}"
            for name, code, message in answer.topic_errors
            if code not in (0, _EXISTS)
        ]
        if problems:
            raise Refused("\n".join(["the broker refused to create topics:", *problems]))
        names = [topic.name for topic in missing]
        async with asyncio.timeout(LEADERS_S):
            while not await _have_leaders(client, names):  # noqa: ASYNC110 — the broker tells nobody
                await asyncio.sleep(_POLL_S)
        return names


def check_partitions(found: Iterable[Found]) -> None:
    """Raise Refused naming every topic that exists with another partition count than wanted."""
    wrong = [topic for topic in found if topic.partitions is not None and topic.partitions != topic.wanted.partitions]
    if wrong:
        raise Refused(
            "\n".join(
                [
                    "topics exist with another number of partitions than the deployment's:",
                    *(f"  {one.wanted.name}: has {one.partitions}, expected {one.wanted.partitions}" for one in wrong),
                    "the number is fixed for a deployment's life: another one moves people to other partitions;",
                    "set CONTINUO_PARTITIONS to what the topics have, or use another CONTINUO_NAMESPACE",
                ]
            )
        )


async def _found(client: AIOKafkaAdminClient, wanted: list[Wanted]) -> list[Found]:
    described = await client.describe_topics([topic.name for topic in wanted])
    if hidden := [topic["topic"] for topic in described if topic["error_code"] == TOPIC_DENIED]:
        raise Refused(denied(", ".join(sorted(hidden))))
    counts = {topic["topic"]: len(topic["partitions"]) for topic in described if topic["error_code"] == 0}
    return [Found(topic, counts.get(topic.name)) for topic in wanted]


async def _have_leaders(client: AIOKafkaAdminClient, names: list[str]) -> bool:
    """Tell whether every partition has a broker that takes records."""
    described = await client.describe_topics(names)
    places = [place for topic in described for place in topic["partitions"]]
    codes = [one["error_code"] for one in [*described, *places]]
    return not any(codes) and all(place["leader"] >= 0 for place in places)


async def _brokers(client: AIOKafkaAdminClient) -> list[object]:
    cluster = await client.describe_cluster()
    brokers: list[object] = cluster["brokers"]
    return brokers
