"""Learners: what they learn, and that being put down and taken up again makes no difference."""

from __future__ import annotations

import math
import random
from bisect import bisect_right
from collections.abc import Callable, Iterable

import msgspec
import pytest

from agents.trainers.calibrating import CalibrationLearner
from agents.trainers.contract import ExampleRefusedError
from agents.trainers.course import DAY_MS, Course, Pace
from agents.trainers.online import OnlineLearner
from agents.trainers.progress import CALIBRATOR_BINS_MAX, HALVED_AT, PPB, Progress, encode_progress
from agents.workers.contract import ModelRefusedError
from agents.workers.layout import lay_out
from agents.workers.online import OnlineModel
from agents.workers.weights import decode_weights, encode_weights
from streams.records import ModelVersion, TrainingExample
from tests import examples_of_models as made

PLACE = "continuo.retraining.again.v1/0"
Make = Callable[[int], TrainingExample]
PACE = Pace(first=100, every=250, days=10_000)


def course(pace: Pace = PACE) -> Course:
    return Course(OnlineLearner("again", lay_out(made.INPUTS, made.KEYS), 100_000_000), pace)


def run(learning: Course, numbers: Iterable[int], make: Make = made.example) -> list[ModelVersion]:
    versions = []
    for number in numbers:
        learning.take(PLACE, number, make(number))
        if version := learning.next_version():
            versions.append(version)
    return versions


def test_versions_come_after_the_first_examples_then_every_so_many() -> None:
    versions = run(course(), range(900))
    assert [version.metrics["learned"] for version in versions] == [100, 350, 600, 850]
    assert [version.next_offsets for version in versions] == [{PLACE: count} for count in (100, 350, 600, 850)]
    assert len({version.version for version in versions}) == 4
    assert versions[0].version.startswith("100-")


def test_versions_come_with_every_stream_day() -> None:
    versions = run(course(Pace(first=100, every=10_000, days=1)), range(200))
    first, *days = [version.trained_until // DAY_MS for version in versions]
    assert first == made.example(99).final_at // DAY_MS
    assert days == list(range(first + 1, made.example(199).final_at // DAY_MS + 1))


def test_a_version_says_until_when_it_learned_whatever_order_examples_come_in() -> None:
    learning = course(Pace(first=3, every=10, days=100))
    versions = run(learning, [9, 4, 1])
    assert versions[0].trained_until == made.example(9).final_at


def test_it_goes_on_behind_all_that_it_took_whatever_order_they_came_in() -> None:
    learning = course()
    for offset in (2, 0, 1):
        learning.take(PLACE, offset, made.example(offset))
    assert learning.next_offsets == {PLACE: 3}


@pytest.mark.parametrize("killed_at", [101, 349, 350, 700])
def test_a_learner_that_was_killed_goes_on_as_if_it_had_not_been(killed_at: int) -> None:
    whole = run(course(), range(900))
    before = run(course(), range(killed_at))
    again = course()
    again.restore(before[-1])
    after = run(again, range(before[-1].next_offsets[PLACE], 900))
    assert [version.version for version in before + after] == [version.version for version in whole]
    assert (before + after)[-1] == whole[-1]


def test_what_it_learned_beats_the_base_rate() -> None:
    metrics = run(course(), range(2_000))[-1].metrics
    assert metrics["log_loss"] < metrics["base_log_loss"]
    assert metrics["auc"] > 0.55


def test_before_it_learned_anything_it_answers_the_prior() -> None:
    served = OnlineModel()
    served.load(course().learner.snapshot().artefact, made.INPUTS)
    assert served.answer([[0.0] * len(made.INPUTS)])[0] == pytest.approx([0.1, 0.1])


def test_an_example_about_no_category_of_the_policy_is_passed_by() -> None:
    learning = course()
    stranger = made.example(1)
    stranger.key = "toys"
    learning.take(PLACE, 0, stranger)
    assert learning.learned == 0
    assert learning.next_offsets == {PLACE: 1}
    assert learning.skipped.total() == 1


def broken(**fields: object) -> TrainingExample:
    example = made.example(1)
    for name, value in fields.items():
        setattr(example, name, value)
    return example


@pytest.mark.parametrize(
    "example",
    [broken(label=0.5), broken(features=[1]), broken(features=["text"] * len(made.INPUTS))],
    ids=["label", "few features", "text"],
)
def test_what_is_no_example_is_refused_and_changes_nothing(example: TrainingExample) -> None:
    learner = made.learned(50)
    before = learner.snapshot()
    with pytest.raises(ExampleRefusedError):
        learner.take(example)
    assert learner.snapshot() == before


def test_weights_for_other_inputs_are_refused() -> None:
    version = made.learned(10).snapshot()
    with pytest.raises(ModelRefusedError, match="baskets, days, member"):
        OnlineLearner("again", lay_out(made.PLAIN), 1).restore(version)


@pytest.mark.parametrize(
    "progress",
    [
        b"\xc1",
        encode_progress(Progress(counts=[1])),
        encode_progress(Progress(positives=1)),
        encode_progress(Progress(counted=1)),
        encode_progress(Progress(log_loss=math.nan)),
    ],
)
def test_what_is_no_progress_is_refused_and_nothing_of_its_version_taken(progress: bytes) -> None:
    version = made.learned(10).snapshot()
    version.artefact = encode_weights(msgspec.structs.replace(decode_weights(version.artefact), progress=progress))
    learner = OnlineLearner("again", lay_out(made.INPUTS, made.KEYS), 100_000_000)
    before = learner.snapshot()
    with pytest.raises(ModelRefusedError, match="expected"):
        learner.restore(version)
    assert learner.snapshot() == before


@pytest.mark.parametrize("learned", [{}, {"learned": math.nan}, {"learned": math.inf}, {"learned": -1.0}])
def test_a_version_that_does_not_say_how_much_it_learned_is_none_of_a_course(learned: dict[str, float]) -> None:
    version = made.learned(10).snapshot()
    version.metrics = learned
    with pytest.raises(ModelRefusedError, match="expected learned among the metrics"):
        course().restore(version)


def noted(count: int, seed: int = 1) -> tuple[Progress, list[tuple[float, bool]]]:
    draw = random.Random(seed)
    told = [draw.random() ** 3 for _ in range(count)]
    pairs = [(propensity, draw.random() < propensity) for propensity in told]
    progress = Progress()
    for propensity, happened in pairs:
        progress.note(propensity, happened=happened)
    return progress, pairs


def test_auc_is_the_share_of_pairs_in_the_right_order() -> None:
    progress, pairs = noted(600)
    hits = [propensity for propensity, happened in pairs if happened]
    misses = [propensity for propensity, happened in pairs if not happened]
    exact = sum((a > b) + (a == b) / 2 for a in hits for b in misses) / (len(hits) * len(misses))
    assert progress.metrics()["auc"] == pytest.approx(exact, abs=0.003)  # bins of 1/16 log-odds


def test_a_calibrator_gives_each_bin_the_rate_that_was_seen_in_it() -> None:
    progress, pairs = noted(20_000)
    calibrator = progress.calibrator("c", 100_000_000)
    assert len(calibrator.edges_ppb) == len(calibrator.values_ppb) - 1 <= CALIBRATOR_BINS_MAX
    assert calibrator.edges_ppb == sorted(set(calibrator.edges_ppb))
    bins: list[list[bool]] = [[] for _ in calibrator.values_ppb]
    for propensity, happened in pairs:
        bins[bisect_right(calibrator.edges_ppb, int(propensity * PPB + 0.5))].append(happened)
    rate = sum(happened for _, happened in pairs) / len(pairs)
    for inside, value in zip(bins, calibrator.values_ppb, strict=True):
        expected = (200 * rate + sum(inside)) / (200 + len(inside))
        assert value / PPB == pytest.approx(expected, abs=0.001)


def test_a_calibrator_without_examples_gives_the_prior() -> None:
    calibrator = Progress().calibrator("c", 123)
    assert (calibrator.edges_ppb, calibrator.values_ppb) == ([], [123])
    assert Progress().metrics() == {"examples": 0.0}


def test_old_answers_are_slowly_forgotten() -> None:
    progress = Progress()
    for _ in range(HALVED_AT):
        progress.note(0.2, happened=False)
    for _ in range(HALVED_AT // 2 - 1):
        progress.note(0.2, happened=True)
    assert max(progress.calibrator("c", 0).values_ppb) / PPB == pytest.approx(0.5, abs=0.01)
    assert progress.metrics()["base_rate"] == pytest.approx(1 / 3, abs=0.01)


def answered(number: int, version: str, output: float | None) -> TrainingExample:
    draw = random.Random(number)
    example = made.example(number)
    example.version, example.output = version, output
    example.label = float(output is not None and draw.random() < output / 2)
    return example


def test_a_graph_is_published_again_with_a_calibrator_of_its_own_answers() -> None:
    learner = CalibrationLearner("again", 100_000_000)
    learner.follow(made.version("onnx", b"graph", made.PLAIN, "v1"))
    learning = Course(learner, Pace(first=500, every=500, days=10_000))
    last = run(learning, range(1_000), lambda number: answered(number, "v1", 0.2 if number % 2 else 0.6))[-1]
    assert (last.kind, last.artefact, last.inputs) == ("onnx", b"graph", list(made.PLAIN))
    assert last.calibrator is not None
    assert [value / PPB for value in last.calibrator.values_ppb[:2]] == pytest.approx([0.12, 0.27], abs=0.05)
    assert last.metrics["learned"] == last.metrics["examples"] == 1_000


def test_answers_of_another_graph_or_of_none_say_nothing() -> None:
    learner = CalibrationLearner("again", 100_000_000)
    learner.follow(made.version("onnx", b"graph", made.PLAIN, "v1"))
    assert learner.take(answered(1, "v1", 0.5))
    assert not learner.take(answered(1, "v0", 0.5))
    assert not learner.take(answered(1, "", None))
    learner.follow(made.version("onnx", b"graph", made.PLAIN, "v2"))
    assert learner.take(answered(1, "v2", 0.5))
    learner.follow(made.version("onnx", b"new graph", made.PLAIN, "v3"))
    assert not learner.take(answered(1, "v2", 0.5))
    assert learner.snapshot().metrics["examples"] == 0


def test_a_calibration_that_was_killed_goes_on_as_if_it_had_not_been() -> None:
    def started() -> Course:
        learner = CalibrationLearner("again", 100_000_000)
        learner.follow(made.version("onnx", b"graph", made.PLAIN, "v1"))
        return Course(learner, Pace(first=200, every=200, days=100))

    def go(learning: Course, numbers: range) -> list[ModelVersion]:
        return run(learning, numbers, lambda number: answered(number, "v1", (number % 50) / 50))

    whole, again = go(started(), range(1_000)), started()
    again.restore(go(started(), range(650))[-1])
    assert go(again, range(600, 1_000))[-1] == whole[-1]


@pytest.mark.parametrize(
    "change", [{"examples": math.nan}, {"log_loss_sum": math.inf}, {"hits/3": 9.0}, {"count/1": 0.5e300}]
)
def test_a_calibrator_does_not_go_on_from_what_it_did_not_count(change: dict[str, float]) -> None:
    version = made.version("onnx", b"graph", made.PLAIN, "v1")
    version.metrics = {"examples": 1.0, "positives": 0.0, "log_loss_sum": 0.5, "count/3": 1.0, **change}
    with pytest.raises(ModelRefusedError, match="expected"):
        CalibrationLearner("again", 1).restore(version)


def test_with_no_graph_there_is_nothing_to_calibrate() -> None:
    with pytest.raises(ModelRefusedError, match="there is none"):
        CalibrationLearner("again", 1).snapshot()
