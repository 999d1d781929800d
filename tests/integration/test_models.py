"""Model processes and trainers on a real Kafka."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agents.codecs.avro import encode_model_version, encode_request_batch, encode_tick, encode_training_example
from agents.trainers.course import DAY_MS, Course, Pace
from agents.trainers.online import OnlineLearner
from agents.trainers.syllabus import layout_of
from agents.workers.features import to_row
from agents.workers.inline import InlineModels
from agents.workers.kinds import serve
from streams.records import Feature, ModelVersion, Proposal, Request, RequestBatch, Tick, TrainingExample
from tests import examples_of_models as made
from tests.builders import small_policy
from tests.processes import PATIENCE_S, Deployment, end, kill, wait_until

pytestmark = pytest.mark.kafka

MODEL = "next_purchase"
PAID: list[Feature] = [1, 0, 3]


@pytest.fixture
def deployment(broker: str, tmp_path: Path) -> Iterator[Deployment]:
    with Deployment(broker, tmp_path, small_policy()) as running:
        yield running


def online(running: Deployment, name: str, count: int = 0) -> ModelVersion:
    model = running.policy.models[MODEL]
    learner = OnlineLearner(MODEL, layout_of(running.policy, model), model.prior_ppb)
    for example in itertools.islice(examples(running.policy.hash), count):
        learner.take(example)
    version = learner.snapshot()
    version.version = name
    return version


def publish(running: Deployment, version: ModelVersion) -> None:
    running.feed("models", [(0, f"{version.model}/{version.version}".encode(), encode_model_version(version))])


def examples(policy_hash: str, model: str = MODEL, inputs: int = 3) -> Iterator[TrainingExample]:
    """Yield examples for ever, eight a stream-day."""
    for number in itertools.count():
        example = made.example(number)
        example.model, example.policy_hash = model, policy_hash
        example.features = example.features[:inputs]
        yield example


def ask(running: Deployment, items: list[Request], reply_partition: int = 1, partition: int = 0) -> None:
    batch = RequestBatch(MODEL, reply_partition, time.time_ns() // 1_000_000, items)
    running.feed("requests", [(partition, None, encode_request_batch(batch))], MODEL)


def request(call: str, version: str, features: list[Feature] | None = None, deadline_at: int = 0) -> Request:
    return Request(call, f"round-{call}", version, 0, deadline_at, PAID if features is None else features)


def wait_alive(running: Deployment) -> None:
    wait_until(
        "a heartbeat",
        lambda: any(one.kind == "heartbeat" for one in running.records("models", "model_version", 1)),
    )


def wait_answers(running: Deployment, count: int) -> list[Proposal]:
    def answers() -> list[Proposal] | None:
        items = [item for batch in running.records("proposals", "proposal_batch") for item in batch.items]
        return items if len(items) >= count else None

    return wait_until(f"{count} answers", answers)


def versions(running: Deployment, model: str = MODEL) -> list[ModelVersion]:
    published = running.records("models", "model_version", 1)
    return [one for one in published if one.model == model and one.kind != "heartbeat" and one.metrics]


def test_a_model_process_answers_what_it_is_asked(deployment: Deployment) -> None:
    version = online(deployment, "v1", 300)
    publish(deployment, version)
    process = deployment.run("model", MODEL)
    wait_alive(deployment)
    now = time.time_ns() // 1_000_000
    ask(deployment, [
        request("a", "v1"), request("b", "v1", [1]), request("late", "v1", deadline_at=now - 5_000),
        request("c", "v0"), request("d", "v1", ["text", 0, 0]), request("e", "v1", [None, 2, 0], now + 60_000),
    ])  # fmt: skip
    answers = {one.call_id: one for one in wait_answers(deployment, 5)}
    assert [(call, one.status) for call, one in answers.items()] == [
        ("a", "ok"), ("b", "error"), ("c", "cold"), ("d", "error"), ("e", "ok"),
    ]  # fmt: skip
    served = serve(version)
    assert answers["a"].outputs == served.answer([to_row(PAID)])[0]
    assert answers["e"].outputs == served.answer([to_row([None, 2, 0])])[0]
    assert answers["a"].round_id == "round-a"
    assert {seen.partition for seen in deployment.read("proposals")} == {1}
    assert end(process) == 0


def test_a_version_published_while_it_runs_is_answered_and_answers_stay_in_order(deployment: Deployment) -> None:
    process = deployment.run("model", MODEL)
    wait_alive(deployment)
    publish(deployment, online(deployment, "v7", 100))
    calls = [f"call-{number}" for number in range(600)]
    ask(deployment, [request(call, "v7") for call in calls[:300]])
    ask(deployment, [request(call, "v7") for call in calls[300:]])
    answers = wait_answers(deployment, 600)
    assert [one.call_id for one in answers] == calls
    assert {one.status for one in answers} == {"ok"}
    assert end(process) == 0


def test_what_a_killed_model_process_left_unanswered_is_answered_by_the_next(deployment: Deployment) -> None:
    publish(deployment, online(deployment, "v1"))
    process = deployment.run("model", MODEL)
    wait_alive(deployment)
    kill(process)
    ask(deployment, [request("a", "v1")], partition=0)
    ask(deployment, [request("b", "v1")], partition=1)
    process = deployment.run("model", MODEL)
    assert {one.call_id for one in wait_answers(deployment, 2)} == {"a", "b"}
    assert end(process) == 0


def feed_examples(running: Deployment, count: int, model: str = MODEL, **fields: Any) -> None:
    def encoded() -> Iterator[tuple[int, bytes | None, bytes | None]]:
        for number, example in enumerate(itertools.islice(examples(running.policy.hash, model, **fields), count)):
            yield number % running.partitions, example.profile_id.encode(), encode_training_example(example)

    running.feed("retraining", encoded(), model)


def learned(running: Deployment) -> int:
    return int(max((one.metrics["learned"] for one in versions(running)), default=0))


def test_a_killed_trainer_learns_nothing_twice_and_loses_nothing(broker: str, tmp_path: Path) -> None:
    count = 1_400
    with Deployment(broker, tmp_path, small_policy(), partitions=1) as running:
        model = running.policy.models[MODEL]
        whole = Course(OnlineLearner(MODEL, layout_of(running.policy, model), model.prior_ppb), Pace())
        expected = []
        for number, example in enumerate(itertools.islice(examples(running.policy.hash), count)):
            whole.take(f"{running.topic('retraining', MODEL)}/0", number, example)
            if version := whole.next_version():
                expected.append(version)
        feed_examples(running, count)
        for at in (1, 700):
            victim = running.run("trainer", MODEL)
            wait_until(f"version {at}", lambda at=at: learned(running) >= at)  # type: ignore[misc]
            kill(victim)
        assert learned(running) < count
        successor = running.run("trainer", MODEL)
        wait_until("the last version", lambda: learned(running) >= expected[-1].metrics["learned"])
        assert end(successor) == 0
        found = running.records("models", "model_version", 1)
        # Of more than 64 versions the oldest are deleted; the witness reads what compaction has not yet removed.
        assert [one.version for one in found] == [one.version for one in expected]
        for one in found:
            one.published_at = 0
        assert found == expected


def test_in_lockstep_a_trainer_learns_barrier_by_barrier_and_says_nothing_twice(deployment: Deployment) -> None:
    deployment.environment["CONTINUO_LOCKSTEP"] = "true"
    count, days = 700, (30, 70, 80)  # eight examples a day: the first version is due at the second barrier
    model = deployment.policy.models[MODEL]
    whole, expected = Course(OnlineLearner(MODEL, layout_of(deployment.policy, model), model.prior_ppb), Pace()), []
    told = list(itertools.islice(examples(deployment.policy.hash), count))
    offsets = [1 + number // 2 if number % 2 else number // 2 for number in range(count)]  # behind garbage
    for since, until in itertools.pairwise((0, *days)):
        for number in range(count):
            if since * DAY_MS <= told[number].final_at < until * DAY_MS:
                whole.take(f"{deployment.topic('retraining', MODEL)}/{number % 2}", offsets[number], told[number])
        if version := whole.next_version():
            expected.append(version)
    deployment.feed("retraining", [(1, b"p", b"garbage")], MODEL)
    feed_examples(deployment, count)
    for day in days:
        announce(deployment, day * DAY_MS)
        process = deployment.run("trainer", MODEL)
        wait_until(f"day {day}", lambda day=day: released(deployment)[-1:] == [day * DAY_MS])  # type: ignore[misc]
        kill(process)
    assert released(deployment) == [day * DAY_MS for day in days]
    assert versions(deployment) == expected
    assert len(expected) == 2
    assert [one.noted_at for one in deployment.records("dead-letters", "dead_letter")] == [0]


def announce(running: Deployment, barrier: int) -> None:
    value = encode_tick(Tick(barrier))
    running.feed("barriers", [(partition, None, value) for partition in range(running.partitions)])


def released(running: Deployment) -> list[int]:
    return [one.trained_until for one in running.records("models", "model_version", 1) if one.kind == "release"]


def test_a_second_trainer_fences_the_first(deployment: Deployment) -> None:
    feed_examples(deployment, 520)
    first = deployment.run("trainer", MODEL)
    wait_until("a version", lambda: learned(deployment) > 0)
    second = deployment.run("trainer", MODEL, log="second")
    wait_until("the second to be ready", lambda: '"event":"training"' in deployment.log("second").read_text())
    feed_examples(deployment, 1_200)
    wait_until("more versions", lambda: learned(deployment) > 1_000)
    assert first.wait(PATIENCE_S) == 70
    assert end(second) == 0
    for one in versions(deployment):
        assert sum(one.next_offsets.values()) == one.metrics["learned"]


def test_what_is_no_example_is_a_dead_letter_once(deployment: Deployment) -> None:
    deployment.feed("retraining", [(0, b"p", b"garbage"), (1, b"p", None)], MODEL)
    feed_examples(deployment, 520)
    process = deployment.run("trainer", MODEL)
    wait_until("a version", lambda: learned(deployment) > 0)
    assert end(process) == 0
    letters = deployment.records("dead-letters", "dead_letter")
    assert {(one.cause, one.origin.partition, one.value) for one in letters} == {
        ("undecodable:magic", 0, b"garbage"), ("undecodable:tombstone", 1, None),
    }  # fmt: skip
    assert len(letters) == 2


def test_an_onnx_model_is_calibrated_on_its_own_answers(deployment: Deployment) -> None:
    inputs = deployment.policy.models["lapse"].inputs
    publish(deployment, made.version("onnx", made.graph(inputs=inputs), inputs, "graph-1", "lapse"))

    def answered() -> Iterator[tuple[int, bytes | None, bytes | None]]:
        for number, example in enumerate(itertools.islice(examples(deployment.policy.hash, "lapse", 2), 700)):
            example.key, example.version, example.output = None, "graph-1", 0.9
            example.label = float(number // 2 % 10 == 0)
            yield number % 2, b"p", encode_training_example(example)

    deployment.feed("retraining", answered(), "lapse")
    process = deployment.run("trainer", "lapse")
    (version, *_) = wait_until("a calibrated version", lambda: versions(deployment, "lapse") or None)
    assert end(process) == 0
    assert version.calibrator is not None
    assert version.calibrator.values_ppb[-1] / 1e9 == pytest.approx(0.1, abs=0.02)
    models = InlineModels()
    models.learn(version)
    assert models.answer("lapse", version.version, [3, 4]) is not None


def test_a_model_that_the_policy_does_not_have_is_refused(deployment: Deployment) -> None:
    process = deployment.run("trainer", "churn")
    assert process.wait(PATIENCE_S) == 1
    assert "it has basket, lapse, next_purchase" in deployment.log("trainer-churn").read_text()
