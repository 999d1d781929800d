"""A registry of others, Apicurio: ours are registered there once, and what producers write with its ids is read."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Final

import pytest
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

import schemas
from agents.registry.answers import COMPATIBILITY
from tests import apicurio, witness
from tests.brokers import free_port
from tests.processes import PATIENCE_S, Deployment, wait_until
from tests.scraping import page, series
from tests.shard import home, plain_policy, raw

pytestmark = pytest.mark.kafka

PARTITIONS: Final = 2
OURS: Final = schemas.load("raw_event")
MORE: Final = OURS | {"fields": [*OURS["fields"], {"name": "campaign", "type": ["null", "string"], "default": None}]}


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[apicurio.Running]:
    with apicurio.running(tmp_path_factory.mktemp("apicurio")) as registry:
        yield registry


@pytest.fixture(scope="module")
def client(registry: apicurio.Running) -> Iterator[SchemaRegistryClient]:
    with SchemaRegistryClient({"url": registry.url}) as opened:
        yield opened


@pytest.fixture(scope="module")
def deployment(
    broker: str, registry: apicurio.Running, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    home = tmp_path_factory.mktemp("deployment")
    with Deployment(broker, home, plain_policy(), partitions=PARTITIONS, mode="history") as running:
        running.environment["CONTINUO_REGISTRY"] = registry.url
        yield running


@pytest.fixture(scope="module")
def port(deployment: Deployment) -> int:
    """Return the web port of a worker that is ready."""
    port = free_port()
    deployment.run("worker", "--web-port", str(port))
    wait_until("a worker that is ready", lambda: page(port, "ready"), 2 * PATIENCE_S)
    return port


def ask(deployment: Deployment, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "agents", "schemas", *arguments]
    environment = os.environ | deployment.environment
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)


def written(deployment: Deployment, url: str, partition: int, name: str) -> witness.Record:
    """Return one event as Confluent's serializer writes it at the latest that the registry has."""
    topic = deployment.topic("raw-events")
    told = raw(event_id=name, profile_id=_at_home(partition))
    event = {field["name"]: getattr(told, field["name"], None) for field in MORE["fields"]}
    with SchemaRegistryClient({"url": url}) as client:  # of its own: one that lives remembers what was the latest
        serialize = AvroSerializer(client, conf={"auto.register.schemas": False, "use.latest.version": True})
        value = serialize(event, SerializationContext(topic, MessageField.VALUE))
    return partition, told.profile_id.encode(), value


def _at_home(partition: int) -> str:
    return home(partition, PARTITIONS)


def accepted(deployment: Deployment) -> set[str]:
    return {event.event_id for event in deployment.records("events", "event")}


def test_ours_are_registered_once_under_the_rule_that_all_can_read_each_other(
    deployment: Deployment, client: SchemaRegistryClient
) -> None:
    assert ask(deployment, "check").returncode == 0
    first, again = (ask(deployment, "register") for _ in range(2))
    assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
    subject = f"{deployment.topic('raw-events')}-value"
    assert client.get_versions(subject) == schemas.versions("raw_event")
    assert client.get_compatibility(subject) == COMPATIBILITY
    assert "new" not in again.stdout.split()
    assert ask(deployment, "check").returncode == 0


def test_what_is_written_with_the_registrys_ids_is_an_event(
    deployment: Deployment, registry: apicurio.Running, client: SchemaRegistryClient, port: int
) -> None:
    latest = client.get_latest_version(f"{deployment.topic('raw-events')}-value")
    assert latest.schema_id != schemas.schema_id("raw_event")
    deployment.feed("raw-events", [written(deployment, registry.url, at, f"theirs-{at}") for at in range(PARTITIONS)])
    wait_until("both events", lambda: accepted(deployment) >= {"theirs-0", "theirs-1"})
    assert deployment.records("dead-letters", "dead_letter") == []


def test_an_id_that_it_does_not_know_is_a_dead_letter(deployment: Deployment, port: int) -> None:
    deployment.feed("raw-events", [(0, b"p", b"\0" + (77_777).to_bytes(4, "big") + b"x")])
    (letter,) = wait_until("a dead letter", lambda: deployment.records("dead-letters", "dead_letter"))
    assert letter.cause == "undecodable:schema_id"


def test_while_it_does_not_answer_its_partition_waits_the_others_go_on_and_nothing_is_lost(
    deployment: Deployment, registry: apicurio.Running, client: SchemaRegistryClient, port: int
) -> None:
    subject = f"{deployment.topic('raw-events')}-value"
    client.register_schema(subject, Schema(json.dumps(MORE), "AVRO"))
    event = written(deployment, registry.url, 0, "waits")
    assert event[2] is not None
    asked_already = client.lookup_schema(subject, Schema(json.dumps(OURS), "AVRO")).schema_id
    assert int.from_bytes(event[2][1:5], "big") != asked_already
    registry.process.send_signal(signal.SIGSTOP)
    try:
        deployment.feed("raw-events", [event])
        wait_until("a partition that waits", lambda: series(port).get(("continuo_ingest_schema_waits", ())) == 1)
        deployment.feed("raw-events", [(0, b"p", _json("behind", 0)), (1, b"p", _json("beside", 1))])
        wait_until("the other partition's event", lambda: "beside" in accepted(deployment))
        assert accepted(deployment).isdisjoint({"waits", "behind"})
    finally:
        registry.process.send_signal(signal.SIGCONT)
    wait_until("what waited", lambda: accepted(deployment) >= {"waits", "behind"})
    told = [event.event_id for event in deployment.records("events", "event")]
    assert told.index("waits") < told.index("behind")
    assert ("continuo_ingest_schema_waits", ()) not in series(port)


def _json(name: str, partition: int) -> bytes:
    event = raw(event_id=name, profile_id=_at_home(partition))
    told = {field: getattr(event, field) for field in ("event_id", "profile_id", "type", "occurred_at", "source")}
    return json.dumps(told | {"properties": event.properties}).encode()
