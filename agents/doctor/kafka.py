"""The deployment on its Kafka: whether it answers, its topics, its policy, clocks that are ahead, the registry."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

from aiohttp import ClientSession
from aiokafka import TopicPartition

from agents import broker
from agents.doctor.finding import Finding
from agents.errors import UserError
from agents.policy_topic import read_bundles
from agents.registry.client import RegistryClient
from agents.settings import Settings
from agents.transport.clients import reader
from agents.transport.topics import Found, check_partitions, list_topics, wanted_topics
from streams.policy import compile_policy
from streams.topology import topic_name

AHEAD_MS: Final = 10_000  # of us, that a producer or worker may stamp its records
SHORT: Final = 12  # digits of a hash that a person is shown


def answers(settings: Settings) -> Finding:
    """Look whether a Kafka answers that we can work with."""
    try:
        if settings.broker:
            found = broker.look(settings.bootstrap)
            return Finding("ok", f"Kafka {found.version} answers at {found.address}")
        status = broker.status(settings.home)
    except UserError as error:
        return Finding("wrong", str(error), "see there")
    if status.answers:
        return Finding("ok", f"the embedded Kafka {status.version} answers at {status.address}")
    if status.running:
        return Finding("wrong", f"the embedded Kafka (pid {status.pid}) does not answer", "continuo down; continuo up")
    return Finding("doubt", "no Kafka is running", "continuo up, or set CONTINUO_BROKER to the address of yours")


async def look(settings: Settings) -> list[Finding]:
    """Look at what stands on a Kafka that answers."""
    found: list[Finding] = []
    try:
        models = await _policy(settings, found)
        topics = await list_topics(settings.bootstrap, wanted_topics(settings.namespace, settings.partitions, models))
        found += _topics(settings, topics)
        if not any(topic.partitions is None for topic in topics):
            found.append(await _clocks(settings))
    except UserError as error:
        found.append(Finding("wrong", str(error), "see there"))
    if settings.registry:
        found.append(await _registry(settings.registry))
    return found


async def _policy(settings: Settings, found: list[Finding]) -> list[str]:
    """Look at the current policy; return its models."""
    topic = topic_name(settings.namespace, "policies")
    (there,) = await list_topics(
        settings.bootstrap, [one for one in wanted_topics(settings.namespace, settings.partitions) if one.name == topic]
    )
    bundles, current = await read_bundles(settings.bootstrap, settings.namespace) if there.partitions else ({}, "")
    if not current:
        found.append(Finding("doubt", "no policy is published", "continuo run --policy FOLDER publishes one"))
        return []
    policy = compile_policy(bundles[current])
    found.append(Finding("ok", f"the policy {policy.name} {current[:SHORT]} is current"))
    return sorted(policy.models)


def _topics(settings: Settings, topics: list[Found]) -> Iterator[Finding]:
    missing = [topic.wanted.name for topic in topics if topic.partitions is None]
    try:
        check_partitions(topics)
    except UserError as error:
        yield Finding("wrong", str(error), "see there")
        return
    if len(missing) == len(topics):
        remedy = "continuo run creates them; or is CONTINUO_NAMESPACE another one?"
        yield Finding("doubt", f"no topic of {settings.namespace} is there", remedy)
    elif missing:
        yield Finding("wrong", f"topics are missing: {', '.join(missing)}", "continuo prepare --policy FOLDER")
    else:
        yield Finding("ok", f"{len(topics)} topics of {settings.namespace}, {settings.partitions} partitions each")


async def _clocks(settings: Settings) -> Finding:
    """Look for records from our future: who wrote them has another time than we have."""
    until = time.time_ns() // 1_000_000 + AHEAD_MS
    names = [topic_name(settings.namespace, noun) for noun in ("raw-events", "changelog")]
    places = {TopicPartition(name, number): until for name in names for number in range(settings.partitions)}
    async with reader(settings.bootstrap, committed=False) as consumer:
        later = await consumer.offsets_for_times(places)
    ahead = sorted({place.topic for place, offset in later.items() if offset is not None})
    if ahead:
        told = f"records of {', '.join(ahead)} are stamped more than {AHEAD_MS // 1000} s after this machine's time"
        return Finding("wrong", told, "compare the clocks of this machine, of the workers and of the producers")
    return Finding("ok", "no record is from this machine's future")


async def _registry(url: str) -> Finding:
    try:
        async with ClientSession() as session:
            await RegistryClient(session, url).subjects()
    except UserError as error:
        return Finding("wrong", str(error), "unset CONTINUO_REGISTRY if you have none")
    return Finding("ok", f"the schema registry at {url} answers")
