"""How well models answered, by quarter, from training examples: each answer came before its example was learned."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from examples.grocery.tables import local_ms
from streams.records import TrainingExample

FLOOR: Final = 1e-9  # of a propensity whose logarithm is taken

NAMES: Final = [f"{year}Q{quarter}" for year in (2016, 2017, 2018) for quarter in (1, 2, 3, 4)]
STARTS: Final = [local_ms(date(int(name[:4]), 3 * int(name[5]) - 2, 1)) for name in NAMES]

Floats = NDArray[np.float64]


class Scores:
    """The answers of all models and what followed them."""

    def __init__(self) -> None:
        self._answers: Final[dict[tuple[str, str], list[tuple[float, float, str]]]] = defaultdict(list)
        self._unanswered: Final[dict[tuple[str, str], int]] = defaultdict(int)

    def add(self, example: TrainingExample) -> None:
        """Take in one example; one that no version answered is counted only."""
        place = example.model, quarter_of(example.decided_at)
        if example.output is None:
            self._unanswered[place] += 1
        else:
            self._answers[place].append((example.output, example.label, example.key or ""))

    def result(self, amounts: Sequence[str]) -> dict[str, dict[str, dict[str, Any]]]:
        """Return the figures by model and quarter; `amounts` are the models that give money, not propensities."""
        found: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
        for model, quarter in sorted({*self._answers, *self._unanswered}):
            told = self._answers[model, quarter]
            figures: dict[str, Any] = {"answered": len(told), "unanswered": self._unanswered[model, quarter]}
            if told:
                outputs, labels = np.array([one[0] for one in told]), np.array([one[1] for one in told])
                keys = np.unique([one[2] for one in told], return_inverse=True)[1]
                figures |= _amount(outputs, labels) if model in amounts else _propensity(outputs, labels, keys)
            found[model][quarter] = figures
        return dict(found)


def quarter_of(at: int) -> str:
    """Return the local quarter of an instant (epoch ms), such as 2017Q2."""
    return NAMES[bisect_right(STARTS, at) - 1]


def _propensity(outputs: Floats, labels: Floats, keys: NDArray[np.intp]) -> dict[str, Any]:
    """Return log-loss and AUC, and the log-loss of who knows each category's rate in this quarter, and nothing else."""
    rates = (np.bincount(keys, labels) / np.bincount(keys))[keys]
    return {
        "log_loss": _round(log_loss(outputs, labels)),
        "auc": _round(auc(outputs, labels)),
        "base_rate": _round(float(labels.mean())),
        "base_log_loss": _round(log_loss(rates, labels)),
        "base_auc": _round(auc(rates, labels)),
    }


def _amount(outputs: Floats, labels: Floats) -> dict[str, Any]:
    """Return the root of the mean squared error, and that of who knows this quarter's mean."""
    return {
        "rmse": _round(float(np.sqrt(np.mean((outputs - labels) ** 2)))),
        "base_rmse": _round(float(labels.std())),
        "mean": _round(float(labels.mean())),
    }


def log_loss(outputs: Floats, labels: Floats) -> float:
    """Return the mean negative logarithm of what was told of what followed."""
    told = np.where(labels > 0, outputs, 1 - outputs)
    return float(-np.log(np.maximum(told, FLOOR)).mean())


def auc(outputs: Floats, labels: Floats) -> float | None:
    """Return the share of pairs in which the positive was told more, a tie being half; None without both kinds."""
    positives = int((labels > 0).sum())
    negatives = len(labels) - positives
    if not positives or not negatives:
        return None
    _, place, count = np.unique(outputs, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(count) - (count - 1) / 2)[place]  # the mean rank of equals
    return float((ranks[labels > 0].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 5) + 0.0  # -0.0 reads as a mistake
