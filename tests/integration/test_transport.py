"""The transport on a real broker, judged by another client library."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.transport.errors import EXIT_REFUSED
from tests import witness
from tests.toy_deployment import PARTITIONS, ToyDeployment
from tests.toy_judge import FLAWLESS, flaws

pytestmark = pytest.mark.kafka


@pytest.fixture
def deployment(broker: str, tmp_path: Path) -> Iterator[ToyDeployment]:
    """A fresh namespace."""
    deployment = ToyDeployment(broker, tmp_path)
    yield deployment
    deployment.close()


def test_a_worker_that_is_told_to_stop_drains_and_the_next_one_goes_on(deployment: ToyDeployment) -> None:
    deployment.feed(20_000)
    for target in (20_000, 24_000):
        worker = deployment.start()
        deployment.wait_committed(target)
        worker.send_signal(signal.SIGTERM)
        _, said = worker.communicate(timeout=20)
        assert worker.returncode == 0, said
        deployment.feed(4_000)
    worker = deployment.start()
    deployment.wait_committed(28_000)
    worker.terminate()
    worker.communicate(timeout=20)
    judgement = deployment.judge()
    assert flaws(judgement) == FLAWLESS
    assert judgement.events == 28_000
    assert witness.lag(deployment.broker, deployment.group, deployment.topic("raw-events"), PARTITIONS) == 0


def test_poison_is_one_dead_letter_and_disturbs_nothing_else(deployment: ToyDeployment) -> None:
    deployment.feed(500)
    poison = [(n % PARTITIONS, None, value) for n, value in enumerate([b"\xff", b"{}", b"", None, b'{"n": "x"}'] * 4)]
    witness.feed(deployment.broker, deployment.topic("raw-events"), poison)
    deployment.feed(500)
    worker = deployment.start()
    deployment.wait_committed(1_000)
    worker.terminate()
    worker.communicate(timeout=20)
    judgement = deployment.judge()
    assert flaws(judgement) == FLAWLESS
    assert judgement.dead_letters == len(poison)


def test_a_source_written_in_transactions_loses_nothing_at_its_markers(deployment: ToyDeployment) -> None:
    deployment.feed_in_transactions(3_000, per_transaction=100)
    worker = deployment.start()
    deployment.wait_committed(2_700)
    worker.terminate()
    worker.communicate(timeout=20)
    judgement = deployment.judge()
    assert flaws(judgement) == FLAWLESS
    assert judgement.events == 2_700  # every tenth transaction was aborted


def test_a_source_that_was_made_anew_is_refused(deployment: ToyDeployment) -> None:
    run_to(deployment, 4_000)
    deployment.recreate("raw-events")
    said = refused(deployment)
    assert "raw-events" in said
    assert "made anew" in said
    deployment.feed(8_000)  # the new one is longer than the old one was: only the timestamps tell
    said = refused(deployment)
    assert said.count("another topic of the same name") == PARTITIONS


def test_a_source_that_lost_unread_records_is_refused(deployment: ToyDeployment) -> None:
    run_to(deployment, 4_000)
    deployment.feed(4_000)
    deployment.truncate("raw-events", 800)
    said = refused(deployment)
    assert said.count("the log begins at 800") == PARTITIONS
    assert "300 records were deleted before they were read" in said


def test_another_partition_count_or_mode_is_refused_with_everything_that_is_wrong(deployment: ToyDeployment) -> None:
    said = refused(deployment, CONTINUO_PARTITIONS="4")
    assert f"{deployment.topic('raw-events')}: has 8, expected 4" in said
    assert f"{deployment.topic('changelog')}: has 8, expected 4" in said
    run_to(deployment, 100)
    said = refused(deployment, CONTINUO_MODE="history")
    assert said.count("keeps state of mode='live', the settings say 'history'") == PARTITIONS


def test_a_transaction_that_hangs_on_the_changelog_ends_the_worker_and_names_the_partition(
    deployment: ToyDeployment,
) -> None:
    with deployment.hanging_transaction("changelog", 3):
        worker = deployment.start()
        _, said = worker.communicate(timeout=30)
    assert worker.returncode == 70
    assert f"a transaction hangs on {deployment.topic('changelog')}/3" in said


def test_without_a_broker_there_is_one_error_with_the_remedy(deployment: ToyDeployment) -> None:
    worker = deployment.start(CONTINUO_BROKER="127.0.0.1:19290")
    _, said = worker.communicate(timeout=20)
    assert worker.returncode == 69
    assert "no Kafka answers at 127.0.0.1:19290" in said
    assert "continuo up" in said
    assert "Traceback" not in said


def test_two_workers_share_partitions_and_nothing_else(deployment: ToyDeployment) -> None:
    first = deployment.start("w0")
    deployment.feed(2_000)
    deployment.wait_committed(2_000)
    feeder = deployment.feeding(20_000, rate=5_000)
    second = deployment.start("w1")
    feeder.join()
    deployment.wait_members(2)
    deployment.wait_committed(22_000)
    second.terminate()
    second.communicate(timeout=20)
    deployment.feed(2_000)
    deployment.wait_committed(24_000)
    first.terminate()
    first.communicate(timeout=20)
    assert second.returncode == first.returncode == 0
    assert flaws(deployment.judge()) == FLAWLESS


def run_to(deployment: ToyDeployment, records: int) -> None:
    """Feed, apply and drain that many events."""
    deployment.feed(records)
    worker = deployment.start()
    deployment.wait_committed(records)
    worker.terminate()
    worker.communicate(timeout=20)
    assert worker.returncode == 0


def refused(deployment: ToyDeployment, **settings: str) -> str:
    """Return what a worker says that refuses to start."""
    worker = deployment.start(**settings)
    _, said = worker.communicate(timeout=30)
    assert worker.returncode == EXIT_REFUSED, said
    assert "Traceback" not in said
    return said
