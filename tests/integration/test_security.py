"""Kafka as companies run it: every process with the documented rights alone, and what is told where one is missing."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from confluent_kafka import Producer

from agents.access.grants import GRANTS, GROUP, READ, TOPIC, TRANSACTION, WRITE, Grant
from agents.codecs.avro import encode_raw_event
from streams.partition import partition_of
from tests.api import Api
from tests.brokers import free_port
from tests.builders import NOW, small_policy
from tests.places import visit
from tests.processes import Deployment, end, wait_until
from tests.secured import Authority, Secured

pytestmark = pytest.mark.kafka

MODEL: Final = "next_purchase"
CHANNELS: Final = ("app", "email")
REFUSED: Final = 78
COMMANDS: Final = {
    "worker": ("worker",),
    "model": ("model", MODEL),
    "trainer": ("trainer", MODEL),
    "channel": ("channel", "run", *CHANNELS),
}


@pytest.fixture
def deployment(secured: Secured, tmp_path: Path) -> Iterator[Deployment]:
    with Deployment(secured.clear, tmp_path, small_policy(), mode="history") as running:
        yield running


def act_as(running: Deployment, settings: dict[str, str]) -> None:
    outside = {
        name: value
        for name, value in running.environment.items()
        if not name.startswith(("CONTINUO_TLS", "CONTINUO_SASL"))
    }
    running.environment = outside | settings | {"CONTINUO_WEB_PORT": str(free_port())}


def ask(running: Deployment, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "agents", *arguments],
        env=running.environment, capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip


def enrol(running: Deployment, secured: Secured, role: str, but: Grant | None = None) -> str:
    user = f"{running.namespace}-{role}"
    secured.enrol(user)
    secured.grant(user, role, running.namespace, but)
    return user


@pytest.mark.slow
def test_every_process_works_with_the_documented_rights_alone(deployment: Deployment, secured: Secured) -> None:
    settings = {
        "worker": secured.scram(enrol(deployment, secured, "worker")) | {"CONTINUO_COMPRESSION": "lz4"},
        "model": secured.certified(enrol(deployment, secured, "model")) | {"CONTINUO_COMPRESSION": "zstd"},
        "trainer": secured.scram(enrol(deployment, secured, "trainer"), "SCRAM-SHA-512"),
        "channel": secured.certified(enrol(deployment, secured, "channel")) | {"CONTINUO_COMPRESSION": "gzip"},
    }
    processes = {}
    for role, told in settings.items():
        act_as(deployment, told | {"CONTINUO_COMPRESSION": told.get("CONTINUO_COMPRESSION", "none")})
        processes[role] = deployment.run(*COMMANDS[role], log=role)
    for one in (event for number in range(20) for event in visit(f"h-{number}", 0)):
        partition = partition_of(one.profile_id, deployment.partitions)
        deployment.feed("raw-events", [(partition, one.profile_id.encode(), encode_raw_event(one))])

    def delivered() -> bool:
        ended = {role: deployment.log(role).read_text() for role, one in processes.items() if one.poll() is not None}
        assert not ended, ended
        return any(one.type == "activation_delivered" for one in deployment.records("raw-events", "raw_event"))

    wait_until("an event turns into an activation, and that is delivered", delivered)
    wait_until("the model is heard", lambda: deployment.records("models", "model_version", 1) != [])
    wait_until("the trainer is at work", lambda: '"training"' in deployment.log("trainer").read_text())
    assert {role: end(process) for role, process in processes.items()} == dict.fromkeys(processes, 0)


def test_the_api_takes_events_with_the_documented_rights_alone(deployment: Deployment, secured: Secured) -> None:
    act_as(deployment, secured.certified(enrol(deployment, secured, "api")))
    basket = {"basket_id": "b", "amount": 12.5}
    event = {"profile_id": "p", "type": "basket_completed", "properties": basket, "occurred_at": NOW}
    status, told = Api(deployment).post("/events", event)
    assert status == 202, told
    assert [one.profile_id for one in deployment.records("raw-events", "raw_event")] == ["p"]


@pytest.mark.slow
def test_a_producer_needs_no_more_than_to_write_events(deployment: Deployment, secured: Secured) -> None:
    user = enrol(deployment, secured, "producer")
    told: list[object] = []
    producer = Producer(secured.client(user))
    for noun in ("raw-events", "policies"):
        producer.produce(deployment.topic(noun), b"x", on_delivery=lambda error, _: told.append(error and error.name()))
    producer.flush(60)
    assert sorted(map(str, told)) == ["None", "TOPIC_AUTHORIZATION_FAILED"]


@pytest.mark.slow
def test_an_operator_works_with_the_documented_rights_alone(deployment: Deployment, secured: Secured) -> None:
    secured.grant("operator", "operator", deployment.namespace)
    act_as(deployment, secured.scram("operator", "PLAIN"))
    for arguments, words in (
        (("up",), "which answers"),
        (("status",), "answers"),
        (("topics",), "2 partitions"),
        (("topics", "--create", "--model", "other"), "requests.other"),
        (("kill", "action", "soup_off", "--because", "a test"), "soup_off"),
        (("channel", "pause", "email", "--because", "a test"), "email"),
        (("dead-letters", "list"), ""),
    ):
        told = ask(deployment, *arguments)
        assert told.returncode == 0, (arguments, told.stdout, told.stderr)
        assert words in told.stdout + told.stderr, arguments


def one_of(role: str, operation: str, kind: str) -> Grant:
    return next(one for one in GRANTS[role] if (one.operation, one.kind) == (operation, kind))


@pytest.mark.parametrize(
    ("role", "missing"),
    [
        ("worker", one_of("worker", READ, GROUP)),
        pytest.param("worker", one_of("worker", WRITE, TRANSACTION), marks=pytest.mark.slow),
        pytest.param("channel", one_of("channel", WRITE, TRANSACTION), marks=pytest.mark.slow),
        pytest.param("model", one_of("model", READ, GROUP), marks=pytest.mark.slow),
        pytest.param("trainer", one_of("trainer", READ, TOPIC), marks=pytest.mark.slow),
        pytest.param("channel", one_of("channel", READ, TOPIC), marks=pytest.mark.slow),
        pytest.param("model", one_of("model", READ, TOPIC), marks=pytest.mark.slow),
        pytest.param("trainer", one_of("trainer", WRITE, TRANSACTION), marks=pytest.mark.slow),
    ],
)
def test_a_missing_right_ends_a_process_and_is_told_with_its_remedy(
    deployment: Deployment, secured: Secured, role: str, missing: Grant
) -> None:
    act_as(deployment, secured.scram(enrol(deployment, secured, role, missing)))
    process = deployment.run(*COMMANDS[role], log=role)
    assert process.wait(90) == REFUSED, deployment.log(role).read_text()
    told = deployment.log(role).read_text()
    assert "a right (ACL) is missing" in told
    assert "docs/security.md lists what each process needs" in told
    assert "Traceback" not in told


def wrong(secured: Secured, tmp_path: Path, what: str) -> dict[str, str]:
    """Return settings with one thing wrong."""
    secured.enrol("somebody")
    right, certified = secured.scram("somebody"), secured.certified("somebody")
    stranger = Authority(tmp_path / "stranger", "stranger")
    return {
        "password": secured.scram("somebody", password="wrong"),
        "authority": right | {"CONTINUO_TLS_CA_FILE": str(stranger.file)},
        "expired": right | {"CONTINUO_BROKER": secured.stale} | dict.fromkeys(
            ("CONTINUO_SASL_MECHANISM", "CONTINUO_SASL_USER", "CONTINUO_SASL_PASSWORD_FILE"), ""
        ),
        "no certificate": certified | {"CONTINUO_TLS_CERTIFICATE_FILE": ""},
        "a stranger's certificate": certified | {"CONTINUO_TLS_CERTIFICATE_FILE": str(stranger.sign("somebody"))},
        "an expired one": certified | {
            "CONTINUO_TLS_CERTIFICATE_FILE": str(secured.authority.sign("late", expired=True))
        },
        "in the clear": {"CONTINUO_BROKER": secured.mtls},
    }[what]  # fmt: skip


REMEDIES: Final = {
    "password": "check CONTINUO_SASL_USER, CONTINUO_SASL_PASSWORD_FILE",
    "authority": "set CONTINUO_TLS_CA_FILE to the certificate of the authority that signed it",
    "expired": "certificate has expired.*whoever runs the broker has to renew it",
    "no certificate": "set CONTINUO_TLS_CERTIFICATE_FILE",
    "a stranger's certificate": "signed by an authority that the broker trusts",
    "an expired one": "not to be expired",
    "in the clear": "set CONTINUO_TLS=true",
}


@pytest.mark.parametrize(
    "what", ["password", *(pytest.param(one, marks=pytest.mark.slow) for one in REMEDIES if one != "password")]
)
def test_a_broker_that_refuses_us_is_told_with_the_remedy(
    deployment: Deployment, secured: Secured, tmp_path: Path, what: str
) -> None:
    act_as(deployment, wrong(secured, tmp_path, what))
    for arguments in (("up",), ("worker",)):
        told = ask(deployment, *arguments)
        assert told.returncode != 0, arguments
        assert re.search(REMEDIES[what], told.stderr), (arguments, told.stderr)
        assert "Traceback" not in told.stderr
