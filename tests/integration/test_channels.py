"""Delivery channels on a real Kafka, killed wherever they are."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.codecs.avro import encode_activation
from streams.partition import partition_of
from streams.records import Activation
from tests import witness
from tests.builders import DAY_MS, HOUR_MS, NOW, small_policy
from tests.processes import PATIENCE_S, Deployment, end, kill, wait_until

pytestmark = pytest.mark.kafka

CHANNELS = ("app", "email")


@pytest.fixture
def deployment(broker: str, tmp_path: Path) -> Iterator[Deployment]:
    with Deployment(broker, tmp_path, small_policy(), mode="history") as running:
        yield running


def activation(number: int, expires_at: int = NOW + 30 * DAY_MS) -> Activation:
    return Activation(
        f"activation-{number:05}", f"decision-{number}", f"person-{number % 50}", "soup_off", "soup_off.email",
        CHANNELS[number % 2], {"subject": "Soup, 10 % off"}, NOW + number, NOW + number, expires_at, "hash", None,
    )  # fmt: skip


def feed(running: Deployment, activations: list[Activation]) -> None:
    running.feed(
        "activations",
        [
            (partition_of(one.profile_id, running.partitions), one.profile_id.encode(), encode_activation(one))
            for one in activations
        ],
    )


def lines(running: Deployment, channel: str) -> list[str]:
    path = running.home / "channels" / f"{channel}.jsonl"
    if not path.exists():
        return []
    whole = path.read_bytes()
    return [json.loads(line)["activation_id"] for line in whole[: whole.rfind(b"\n") + 1].splitlines()]


def delivered(running: Deployment) -> int:
    return sum(len(lines(running, channel)) for channel in CHANNELS)


def reported(running: Deployment) -> Counter[tuple[str, str]]:
    reports = running.records("raw-events", "raw_event")
    return Counter((one.type, str(one.properties["activation_id"])) for one in reports)


def wait_reported(running: Deployment, count: int) -> None:
    wait_until(f"{count} reports", lambda: reported(running).total() >= count)


def test_each_activation_is_delivered_once_and_reported_once_whatever_is_killed_when(deployment: Deployment) -> None:
    total, kills = 4_000, 5
    wanted = [activation(number) for number in range(total)]
    process: subprocess.Popen[bytes] | None = None
    for turn in range(kills):
        feed(deployment, wanted[turn * total // kills : (turn + 1) * total // kills])
        process = deployment.run("channel", "run", *CHANNELS)
        before = delivered(deployment)
        wait_until("a delivery", lambda before=before: delivered(deployment) > before)  # type: ignore[misc]
        kill(process)  # right behind the first lines: their `done` is not committed yet, or just is
    feed(deployment, wanted[:500])  # the worker never repeats one; somebody who replays a topic does
    process = deployment.run("channel", "run", *CHANNELS)
    wait_reported(deployment, total)
    assert end(process) == 0
    for channel in CHANNELS:
        assert Counter(lines(deployment, channel)) == Counter(
            one.activation_id for one in wanted if one.delivery_channel == channel
        )
    assert reported(deployment) == Counter(("activation_delivered", one.activation_id) for one in wanted)
    ledger = {seen.key: state for seen, state in zip(
        deployment.read("dispatches"), deployment.records("dispatches", "dispatch"), strict=True
    )}  # fmt: skip
    assert Counter(entry.state for entry in ledger.values()) == {"done": total}


def test_reports_go_to_the_persons_partition_stamped_by_the_clock_of_the_history(deployment: Deployment) -> None:
    feed(deployment, [activation(number) for number in range(10)])
    process = deployment.run("channel", "run", *CHANNELS)
    wait_reported(deployment, 10)
    assert end(process) == 0
    seen = deployment.read("raw-events")
    for one, report in zip(seen, deployment.records("raw-events", "raw_event"), strict=True):
        assert one.key == report.profile_id.encode()
        assert one.partition == partition_of(report.profile_id, deployment.partitions)
        number = int(str(report.properties["activation_id"])[-5:])
        delay_ms = HOUR_MS if report.source == "channel:email" else 60_000
        assert report.occurred_at == NOW + number + delay_ms


def test_what_has_expired_is_rejected_and_not_sent(deployment: Deployment) -> None:
    feed(deployment, [activation(1, expires_at=NOW + HOUR_MS), activation(3)])
    process = deployment.run("channel", "run", "email")
    wait_reported(deployment, 2)
    assert end(process) == 0
    assert lines(deployment, "email") == ["activation-00003"]
    assert reported(deployment) == Counter(
        [("activation_rejected", "activation-00001"), ("activation_delivered", "activation-00003")]
    )


def test_positions_pass_what_is_for_another_delivery_channel(deployment: Deployment) -> None:
    feed(deployment, [activation(number) for number in range(0, 20, 2)])
    process = deployment.run("channel", "run", "email")
    group, topic = f"{deployment.namespace}.channel.email", deployment.topic("activations")
    wait_until("a lag of 0", lambda: witness.lag(deployment.broker, group, topic, deployment.partitions) == 0)
    assert end(process) == 0
    assert not reported(deployment)


def test_a_channel_that_the_policy_does_not_have_is_refused(deployment: Deployment) -> None:
    process = deployment.run("channel", "run", "pigeon")
    assert process.wait(PATIENCE_S) == 1
    assert "it has app, email" in deployment.log("channel-run-pigeon").read_text()
