"""The clients that others use read and write our records, with no registry but the one on a worker's port."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest
from confluent_kafka import Producer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.serialization import MessageField, SerializationContext
from schema_registry.client import SchemaRegistryClient as OtherClient
from schema_registry.client.errors import ClientError
from schema_registry.serializers.message_serializer import AvroMessageSerializer

import schemas
from agents.codecs.avro import decode_decision, decode_event
from tests import witness
from tests.brokers import free_port
from tests.processes import PATIENCE_S, Deployment, wait_until
from tests.scraping import page
from tests.shard import plain_policy, raw

pytestmark = pytest.mark.kafka

PEOPLE: Final = 6


@pytest.fixture(scope="module")
def deployment(broker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with Deployment(broker, tmp_path_factory.mktemp("registry"), plain_policy(), mode="history") as running:
        yield running


@pytest.fixture(scope="module")
def url(deployment: Deployment) -> str:
    """Return the address of a worker that is ready."""
    port = free_port()
    deployment.run("worker", "--web-port", str(port))
    wait_until("a worker that is ready", lambda: page(port, "ready"), 2 * PATIENCE_S)
    return f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[SchemaRegistryClient]:
    with SchemaRegistryClient({"url": url}) as opened:
        yield opened


@pytest.fixture(scope="module")
def other(url: str) -> OtherClient:
    return OtherClient(url)


def as_record(some: Any) -> dict[str, Any]:
    return {field["name"]: getattr(some, field["name"]) for field in schemas.load("raw_event")["fields"]}


@pytest.fixture(scope="module")
def events(deployment: Deployment, client: SchemaRegistryClient) -> list[witness.Seen]:
    """Return the accepted events that a producer wrote with Confluent's serializer at what the registry says."""
    topic = deployment.topic("raw-events")
    settings = {"auto.register.schemas": False, "use.latest.version": True}
    serialize = AvroSerializer(client, conf=settings)
    producer = Producer({**witness.QUIET, "bootstrap.servers": deployment.broker})
    for n in range(PEOPLE):
        event = as_record(raw(event_id=f"event-{n}", profile_id=f"person-{n}"))
        producer.produce(topic, serialize(event, SerializationContext(topic, MessageField.VALUE)))
    assert producer.flush(PATIENCE_S) == 0
    wait_until("every decision", lambda: len(deployment.read("decisions")) >= PEOPLE)
    return deployment.read("events")


def test_confluents_client_reads_what_we_write(
    deployment: Deployment, client: SchemaRegistryClient, events: list[witness.Seen]
) -> None:
    deserialize = AvroDeserializer(client)
    place = SerializationContext(deployment.topic("events"), MessageField.VALUE)
    read = [deserialize(seen.value, place) for seen in events]
    assert sorted(one["event_id"] for one in read) == [f"event-{n}" for n in range(PEOPLE)]
    assert [one["profile_id"] for one in read] == [decode_event(seen.value).profile_id for seen in events]


def test_another_client_reads_what_we_write(
    deployment: Deployment, other: OtherClient, events: list[witness.Seen]
) -> None:
    serializer = AvroMessageSerializer(other)
    decisions = deployment.read("decisions")
    read = [serializer.decode_message(seen.value) for seen in decisions]
    ids = [decode_decision(seen.value).decision_id for seen in decisions]
    assert [one["decision_id"] for one in read if one] == ids
    assert len(events) == len(decisions) == PEOPLE


def test_both_clients_find_the_subjects_and_their_versions(
    deployment: Deployment, client: SchemaRegistryClient, other: OtherClient
) -> None:
    subject = f"{deployment.topic('raw-events')}-value"
    assert subject in client.get_subjects()
    assert client.get_subjects() == other.get_subjects()
    latest, same = client.get_latest_version(subject), other.get_schema(subject)
    assert same is not None
    assert latest.schema_id == same.schema_id == schemas.schema_id("raw_event")
    assert client.get_versions(subject) == other.get_versions(subject) == schemas.versions("raw_event")
    assert client.lookup_schema(subject, latest.schema).schema_id == latest.schema_id
    found = other.check_version(subject, same.schema)
    assert found is not None
    assert found.version == latest.version
    assert client.get_compatibility(subject) == other.get_compatibility(subject) == "FULL_TRANSITIVE"


def test_both_clients_are_told_that_nothing_can_be_written(
    deployment: Deployment, client: SchemaRegistryClient, other: OtherClient
) -> None:
    subject = f"{deployment.topic('raw-events')}-value"
    with pytest.raises(SchemaRegistryError, match="read-only") as refused:
        client.delete_subject(subject)
    assert refused.value.error_code == 42205
    with pytest.raises(SchemaRegistryError, match="read-only"):
        client.register_schema(subject, client.get_latest_version(f"{deployment.topic('ticks')}-value").schema)
    with pytest.raises(ClientError):
        other.update_compatibility("NONE", subject)
