"""Dead letters as an operator sees them: found, explained, and replayed once their cause is mended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from agents.__main__ import cli
from agents.codecs.avro import encode_raw_event
from agents.policy_topic import publish
from streams.partition import partition_of
from streams.records import RawEvent
from tests.builders import small_policy
from tests.processes import Deployment, end, wait_until

pytestmark = pytest.mark.kafka

NOW = int(time.time() * 1000)


@pytest.fixture
def deployment(broker: str, tmp_path: Path) -> Iterator[Deployment]:
    with Deployment(broker, tmp_path, small_policy()) as running:
        yield running


def told(running: Deployment, *arguments: str, code: int = 0) -> str:
    """Run `continuo dead-letters`, in this process, and return all that it says."""
    ran = CliRunner(env=running.environment).invoke(cli, ["dead-letters", *arguments])
    assert ran.exit_code == code, ran.output
    return ran.output


def event(kind: str, number: int) -> RawEvent:
    return RawEvent(f"{kind}-{number}", "ann", kind, NOW, "shop", {"cup": "large"})


def test_what_was_refused_is_found_explained_and_after_a_fix_replayed_and_accepted_once(
    deployment: Deployment, broker: str
) -> None:
    worker = deployment.run("worker")
    home = partition_of("ann", deployment.partitions)
    refused = [event("tea_drunk", number) for number in range(3)]
    values = [*(encode_raw_event(one) for one in refused), b"no format"]
    deployment.feed("raw-events", [(home, b"ann", value) for value in values])
    wait_until("four dead letters", lambda: len(deployment.read("dead-letters")) == 4)

    listed = told(deployment, "list", "--cause", "unknown_event_type", "--limit", "2").splitlines()
    assert "3  unknown_event_type" in listed[2]
    assert "the newest 2 of 3 are shown" in listed[3]
    one = listed[0].split()[0]
    assert '"event_id": "tea_drunk-1"' in told(deployment, "show", one)
    raw = CliRunner(env=deployment.environment).invoke(cli, ["dead-letters", "show", one, "--raw"])
    assert raw.stdout_bytes == values[1]
    assert "Add the type to `events`" in told(deployment, "explain", one)
    assert "Replayed now, it would be refused: unknown_event_type" in told(deployment, "explain", one)
    assert "0 of 3 are sent" in told(deployment, "replay", "--cause", "unknown_event_type", code=3)
    assert "there is no dead letter 9/9" in told(deployment, "show", "9/9", code=1)
    assert len(deployment.read("raw-events")) == 4

    bundle = small_policy()
    bundle["events"]["tea_drunk"] = {"properties": {"cup": "string"}}
    asyncio.run(publish(broker, deployment.namespace, bundle))
    assert "Replayed now, it would be accepted" in told(deployment, "explain", one)
    assert "1 of 1 would be sent" in told(deployment, "replay", one, "--dry-run")
    assert "2 of 2 are sent" in told(deployment, "replay", "--cause", "unknown_event_type", "--limit", "2")
    wait_until("two events", lambda: len(deployment.read("events")) == 2)
    assert "3 of 3 are sent" in told(deployment, "replay", "--cause", "unknown_event_type")
    wait_until("the third", lambda: len(deployment.read("events")) == 3)
    assert end(worker) == 0
    accepted = [one.event_id for one in deployment.records("events", "event")]
    assert accepted == ["tea_drunk-0", "tea_drunk-1", "tea_drunk-2"]  # those sent twice are duplicates
    assert len(deployment.read("dead-letters")) == 4
    last = deployment.read("raw-events")[-1]
    assert dict(last.headers)["continuo-replayed"].decode().startswith(f"{home}/")
