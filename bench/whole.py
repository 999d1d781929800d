"""Deployments of the whole stream: what stands before a worker starts, and what is recomputed when it has ended."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from typing import Any

from agents.codecs.avro import DECODERS, encode_model_version
from agents.policy_topic import publish
from agents.transport.topics import wanted_topics
from bench import crowd, recompute
from bench.environments import ROOT
from bench.feeding import feed
from bench.kafka import Kafka
from bench.source import PARTITIONS
from bench.verify import read
from streams.topology import topic_name


def prepare(kafka: Kafka, namespace: str, *by_topic: str) -> None:
    """Create the topics of a deployment of the crowd, and publish its policy and its models."""
    kafka.create(*wanted_topics(namespace, PARTITIONS, crowd.MODELS))
    asyncio.run(publish(kafka.address, namespace, crowd.bundle(*by_topic)))
    told = [(0, f"{one.model}/{one.version}".encode(), encode_model_version(one)) for one in crowd.versions()]
    feed(kafka.address, topic_name(namespace, "models"), told)


def environment(kafka: Kafka, namespace: str, **settings: str) -> dict[str, str]:
    """Return the environment of the deployment's processes."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CONTINUO_")}
    ours = {
        "BROKER": kafka.address,
        "NAMESPACE": namespace,
        "PARTITIONS": str(PARTITIONS),
        "HOME": str(kafka.home / namespace),
        "LOG_LEVEL": "warning",
        **settings,
    }
    return kept | {f"CONTINUO_{name}": value for name, value in ours.items()} | {"PYTHONPATH": str(ROOT)}


def recompute_topics(kafka: Kafka, namespace: str, wanted: Iterable[str], *by_topic: str) -> recompute.Found:
    """Recompute what stands in a deployment's topics; raises Wrong."""

    def stands(noun: str) -> Iterable[tuple[int, Any]]:
        return (
            (partition or 0, DECODERS[noun[:-1]](value))
            for partition, _, value in read(kafka.address, topic_name(namespace, noun))
        )

    changelog = read(kafka.address, topic_name(namespace, "changelog"))
    rows = {key: value for _, key, value in changelog if key and value}
    activations = (one for _, one in stands("activations"))
    return recompute.check(crowd.policy(*by_topic), wanted, stands("decisions"), activations, rows)
