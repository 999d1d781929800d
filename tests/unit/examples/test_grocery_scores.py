from datetime import datetime

import numpy as np
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from examples.grocery import scores
from examples.grocery.tables import ZONE
from streams.records import TrainingExample

MAY = datetime(2017, 5, 1, 12, tzinfo=ZONE)


def example(output: float | None, label: float, *, key: str | None = None, at: datetime = MAY) -> TrainingExample:
    decided_at = int(at.timestamp() * 1000)
    return TrainingExample("e", "m", "v", "d", "p", key, None, False, 1, [], output, label, decided_at, decided_at, "h")


def test_figures_are_those_of_a_known_library() -> None:
    rng = np.random.default_rng(7)
    outputs = np.round(rng.random(500), 2)  # with ties
    labels = (rng.random(500) < outputs).astype(float)
    assert scores.auc(outputs, labels) == pytest.approx(roc_auc_score(labels, outputs))
    assert scores.log_loss(np.clip(outputs, 0.01, 0.99), labels) == pytest.approx(
        log_loss(labels, np.clip(outputs, 0.01, 0.99))
    )


def test_without_both_kinds_there_is_no_auc() -> None:
    assert scores.auc(np.array([0.1, 0.2]), np.array([0.0, 0.0])) is None


def test_a_certain_error_costs_much_and_not_infinitely() -> None:
    assert 20 < scores.log_loss(np.array([0.0]), np.array([1.0])) < 21


def test_quarters_are_local_ones() -> None:
    found = scores.Scores()
    found.add(example(0.5, 1.0, at=datetime(2017, 3, 31, 23, 59, tzinfo=ZONE)))
    found.add(example(0.5, 0.0, at=datetime(2017, 4, 1, tzinfo=ZONE)))
    assert list(found.result([])["m"]) == ["2017Q1", "2017Q2"]


def test_the_base_knows_the_rate_of_each_category() -> None:
    found = scores.Scores()
    for key, labels in (("milk", (1, 1, 1, 0)), ("soup", (0, 0, 0, 1))):
        for label in labels:
            found.add(example(0.75 if key == "milk" else 0.25, label, key=key))
    told = found.result([])["m"]["2017Q2"]
    assert told["base_log_loss"] == told["log_loss"]
    assert told["base_auc"] == told["auc"] == 0.75
    assert told["base_rate"] == 0.5


def test_unanswered_examples_are_counted_and_not_scored() -> None:
    found = scores.Scores()
    found.add(example(None, 1.0))
    assert found.result([])["m"]["2017Q2"] == {"answered": 0, "unanswered": 1}


def test_an_amount_is_compared_with_the_mean() -> None:
    found = scores.Scores()
    for output, label in ((10.0, 12.0), (30.0, 28.0)):
        found.add(example(output, label))
    assert found.result(["m"])["m"]["2017Q2"] == {
        "answered": 2, "unanswered": 0, "rmse": 2.0, "base_rmse": 8.0, "mean": 20.0,
    }  # fmt: skip
