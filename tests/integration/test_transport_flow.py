"""Waiting shards: questions go out before the commit, events wait, answers do not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import toy, witness
from tests.toy_deployment import PARTITIONS, ToyDeployment, wait_until

pytestmark = pytest.mark.kafka

EVENTS = 8_000


@pytest.fixture
def deployment(broker: str, tmp_path: Path) -> Iterator[ToyDeployment]:
    """A fresh namespace, fed."""
    deployment = ToyDeployment(broker, tmp_path)
    deployment.feed(EVENTS)
    yield deployment
    deployment.close()


def test_a_shard_that_waits_takes_answers_and_no_events_and_loses_nothing(deployment: ToyDeployment) -> None:
    answers = Answers(deployment)
    answers.start()
    worker = deployment.start(patience_ms="60000")
    deployment.wait_committed(EVENTS)
    worker.terminate()
    worker.communicate(timeout=20)
    answers.stop()
    judgement = deployment.judge()
    assert (judgement.lost, judgement.duplicates, judgement.disordered, judgement.wrong_rows) == (0, 0, 0, 0)
    assert answers.given == EVENTS // toy.ASK_EVERY
    assert witness.read(deployment.broker, deployment.topic("decision-notes"), PARTITIONS) == []
    assert_no_event_between_question_and_answer(deployment)


def test_a_question_without_an_answer_ends_at_its_deadline(deployment: ToyDeployment) -> None:
    worker = deployment.start(patience_ms="20")
    deployment.wait_committed(EVENTS)
    tail = deployment.tail("decision-notes")
    wait_until(lambda: tail.count() >= EVENTS // toy.ASK_EVERY, 30, "the last deadline")
    tail.close()
    worker.terminate()
    worker.communicate(timeout=20)
    judgement = deployment.judge()
    assert (judgement.lost, judgement.duplicates, judgement.disordered, judgement.wrong_rows) == (0, 0, 0, 0)


def assert_no_event_between_question_and_answer(deployment: ToyDeployment) -> None:
    """Every answer took the one step behind its question, as the steps of the events show."""
    questions = {
        record.value for record in witness.read(deployment.broker, deployment.topic("requests.toy"), PARTITIONS)
    }
    steps = {
        toy.STEP.unpack(dict(record.headers)["step"])
        for record in witness.read(deployment.broker, deployment.topic("events"), PARTITIONS)
    }
    for partition, step in (toy.STEP.unpack(question or b"") for question in questions):
        assert (partition, step) in steps
        assert (partition, step + 1) not in steps


class Answers(threading.Thread):
    """A model worker: reads questions as they are sent, committed or not, and answers each."""

    def __init__(self, deployment: ToyDeployment) -> None:
        super().__init__()
        self.given = 0
        self._deployment = deployment
        self._stopping = threading.Event()

    def run(self) -> None:
        tail = self._deployment.tail("requests.toy", committed=False)
        with witness.feeder(self._deployment.broker, self._deployment.topic("proposals")) as answer:
            while not self._stopping.is_set():
                count = tail.count(0.02)
                answer((partition, None, question) for _, partition, question in tail.seen[self.given : count])
                self.given = count
        tail.close()

    def stop(self) -> None:
        """End the thread."""
        self._stopping.set()
        self.join()
