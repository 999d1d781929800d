"""A webhook's process on a real Kafka, killed wherever it is, before a real HTTP server that misbehaves.

Nothing is lost and nothing is carried out twice: of what is in doubt a receiver that knows repetitions gets a
repetition, and any other is not called again, and the activation is marked unknown.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from agents.codecs.avro import encode_activation
from streams.partition import partition_of
from streams.records import Activation
from tests.builders import DAY_MS, NOW, small_policy
from tests.processes import Deployment, end, kill, wait_until
from tests.receivers import GOOD, Manner, Receiver

pytestmark = pytest.mark.kafka

TOTAL, KILLED = 200, 80  # activations; while so many are carried out the process is killed


def misbehaves(key: str, before: int) -> Manner:
    """Answer some first calls by 500, half of them carried out; take some and say so too late; be slow with some."""
    if before:
        return GOOD
    if key[-1] in "12":
        return Manner(500, carries_out=key[-1] == "2")
    if key[-2:] == "07":
        return Manner(wait_s=1.5)
    return Manner(wait_s=0.2 if key[-1] in "345" else 0.0)


@contextmanager
def deployment(broker: str, home: Path, receiver: Receiver, **provider: Any) -> Iterator[Deployment]:
    bundle = small_policy()
    bundle["delivery_channels"]["app"]["deliver"] = {
        "kind": "webhook", "url": f"{receiver.url}/send", "timeout_s": 1, **provider,
    }  # fmt: skip
    with Deployment(broker, home, bundle, mode="history") as running:
        yield running


def activation(number: int) -> Activation:
    return Activation(
        f"activation-{number:05}", f"decision-{number}", f"person-{number % 50}", "soup_off", "soup_off.app",
        "app", {"text": "Soup, 10 % off"}, NOW + number, NOW + number, NOW + 30 * DAY_MS, "hash", None,
    )  # fmt: skip


def feed(running: Deployment, numbers: range) -> None:
    given = [activation(number) for number in numbers]
    running.feed(
        "activations",
        [
            (partition_of(one.profile_id, running.partitions), one.profile_id.encode(), encode_activation(one))
            for one in given
        ],
    )


def reports(running: Deployment) -> dict[str, list[str]]:
    """Return what is reported of each activation, in order of its partition."""
    found: dict[str, list[str]] = defaultdict(list)
    for one in running.records("raw-events", "raw_event"):
        found[str(one.properties["activation_id"])].append(one.type.removeprefix("activation_"))
    return found


def wait_reported(running: Deployment, number: int) -> None:
    wait_until(f"reports of {number} activations", lambda: len(reports(running)) >= number)


def run_with_kills(running: Deployment, receiver: Receiver) -> None:
    """Let the channel's process carry out everything, and kill it twice meanwhile, with calls under way.

    A kill leaves everything in doubt that was under way, so the last of it is given to a process that lives.
    """
    for turn in range(2):
        feed(running, range(turn * KILLED, (turn + 1) * KILLED))
        process, before = running.run("channel", "run", "app"), len(receiver.calls)
        wait_until("calls", lambda before=before: len(receiver.calls) > before + 10)  # type: ignore[misc]
        kill(process)
    process = running.run("channel", "run", "app")
    wait_reported(running, 2 * KILLED)
    feed(running, range(2 * KILLED, TOTAL))
    wait_reported(running, TOTAL)
    assert end(process) == 0


def test_a_receiver_that_knows_repetitions_carries_everything_out_once(broker: str, tmp_path: Path) -> None:
    with Receiver(misbehaves) as receiver, deployment(broker, tmp_path, receiver, repeats=True) as running:
        run_with_kills(running, receiver)
        assert receiver.effects == Counter(activation(number).activation_id for number in range(TOTAL))
        assert reports(running) == {activation(number).activation_id: ["delivered"] for number in range(TOTAL)}


def test_a_receiver_that_knows_none_is_called_once_and_what_is_in_doubt_is_marked_unknown(
    broker: str, tmp_path: Path
) -> None:
    with (
        Receiver(misbehaves, knows_repetitions=False) as receiver,
        deployment(broker, tmp_path, receiver) as running,
    ):
        run_with_kills(running, receiver)
        assert set(receiver.keys().values()) == {1}
        told = reports(running)
        assert set(told) == {activation(number).activation_id for number in range(TOTAL)}
        assert {tuple(outcomes) for outcomes in told.values()} == {("delivered",), ("unknown",)}
        assert all(receiver.effects[one] == 1 for one, outcomes in told.items() if outcomes == ["delivered"])
        unknown = {one for one, outcomes in told.items() if outcomes == ["unknown"]}
        assert {one for one in told if one[-1] in "12" or one[-2:] == "07"} <= unknown
        kept = {one.activation_id for one in running.records("unknown-dispatches", "activation")}
        assert kept == unknown


def test_what_is_unknown_is_asked_about_until_somebody_says(broker: str, tmp_path: Path) -> None:
    with Receiver(misbehaves, knows_repetitions=False) as receiver:
        query = {"query_url": f"{receiver.url}/status/{{activation_id}}"}
        with deployment(broker, tmp_path, receiver, **query) as running:
            feed(running, range(7, 8))
            process = running.run("channel", "run", "app")
            wait_until("the fate", lambda: reports(running).get("activation-00007") == ["unknown", "delivered"])
            assert end(process) == 0
            assert receiver.keys() == Counter(["activation-00007"])
            latest = {seen.key: seen.value for seen in running.read("unknown-dispatches")}
            assert latest == {b"activation-00007": None}
