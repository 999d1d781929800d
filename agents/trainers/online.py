"""Learns online: a logistic regression on standardised terms for each key, by river, one example at a time."""

from __future__ import annotations

import math
from typing import Any, Final

from river import linear_model, optim, preprocessing, utils

from agents.trainers.contract import ExampleRefusedError
from agents.trainers.progress import PPB, Progress, decode_progress, encode_progress
from agents.workers.contract import ModelRefusedError, RowRefusedError
from agents.workers.features import to_row
from agents.workers.layout import Layout
from agents.workers.weights import KeyWeights, Weights, compress, decode_weights, encode_weights
from streams.records import ModelVersion, TrainingExample

# Measured on examples/grocery: of 0.005, 0.01, 0.02 and 0.05 the best log-loss in the first quarter, later no worse.
RATE: Final = 0.02  # of learning weights
RATE_LEVEL: Final = 0.05  # of learning the intercept: the prior is only a guess of the level
RATE_MIN: Final = 1e-4  # a prior of 0 or 1 has no log-odds to start from
ABSENT: Final = "?"  # ends the term that says whether a feature is missing


class OnlineLearner:
    """Learner of an `online` model."""

    def __init__(self, model: str, layout: Layout, prior_ppb: int) -> None:
        self._model = model
        self._layout = layout
        self._prior_ppb = prior_ppb
        self._terms = [*layout.names, *(name + ABSENT for name in layout.names)]
        self._regressions = {key: Regression(prior_ppb) for key in layout.keys}
        self._columns = dict(zip(layout.keys, layout.columns, strict=True))
        self._progress = Progress()

    def take(self, example: TrainingExample) -> bool:
        """Score, note the score, then learn."""
        key = example.key or ""
        regression = self._regressions.get(key)
        if regression is None:
            return False  # an example without a category, or one that the policy has dropped since
        if example.label not in {0.0, 1.0}:
            raise ExampleRefusedError(f"expected the label 0 or 1; got {example.label}")
        if len(example.features) != len(self._layout.inputs):
            raise ExampleRefusedError(f"expected {len(self._layout.inputs)} features; got {len(example.features)}")
        try:
            row = to_row(example.features)
        except RowRefusedError as error:
            raise ExampleRefusedError(str(error)) from None
        happened = example.label == 1.0
        terms = to_terms(row, self._layout.names, self._columns[key])
        self._progress.note(regression.score(terms), happened=happened)
        regression.learn(terms, happened=happened)
        return True

    def follow(self, version: ModelVersion) -> None:
        """Do nothing: nobody but this learner publishes versions of its model."""

    def snapshot(self) -> ModelVersion:
        """Return weights, scales and progress as one artefact, with a calibrator of the scores so far."""
        weights = Weights(
            names=list(self._layout.names),
            keys=list(self._layout.keys),
            models=[self._regressions[key].to_weights(self._terms) for key in self._layout.keys],
            progress=encode_progress(self._progress),
        )
        return ModelVersion(
            model=self._model,
            version="",
            kind="online",
            trained_until=0,
            published_at=0,
            artefact=encode_weights(weights),
            calibrator=self._progress.calibrator("", self._prior_ppb),
            inputs=list(self._layout.inputs),
            next_offsets={},
            metrics=self._progress.metrics(),
        )

    def restore(self, version: ModelVersion) -> None:
        """Take up weights, scales and progress."""
        weights = decode_weights(version.artefact)
        if (weights.names, weights.keys) != (list(self._layout.names), list(self._layout.keys)):
            raise ModelRefusedError(
                f"expected weights for {', '.join(self._layout.names)} by {', '.join(self._layout.keys)}; "
                f"got {', '.join(weights.names)} by {', '.join(weights.keys)}"
            )
        self._progress = decode_progress(weights.progress)
        for key, model in zip(weights.keys, weights.models, strict=True):
            self._regressions[key] = Regression.from_weights(model, self._terms)


class Regression:
    """One key's logistic regression."""

    def __init__(self, prior_ppb: int) -> None:
        rate = min(max(prior_ppb / PPB, RATE_MIN), 1 - RATE_MIN)
        self.learned = 0
        self._scaler: Any = preprocessing.StandardScaler()  # Any: river's methods carry no types
        self._regression: Any = linear_model.LogisticRegression(
            optim.SGD(RATE), intercept_init=math.log(rate / (1 - rate)), intercept_lr=RATE_LEVEL
        )

    def score(self, terms: dict[str, float]) -> float:
        """Return the propensity."""
        propensity: float = self._regression.predict_proba_one(self._scaler.transform_one(terms))[True]
        return propensity

    def learn(self, terms: dict[str, float], *, happened: bool) -> None:
        """Move the scales, then the weights."""
        self._scaler.learn_one(terms)
        self._regression.learn_one(self._scaler.transform_one(terms), happened)
        self.learned += 1

    def to_weights(self, terms: list[str]) -> KeyWeights:
        """Return all that this regression is."""
        weights, scaler = self._regression.weights, self._scaler
        return KeyWeights(
            learned=self.learned,
            intercept=float(self._regression.intercept),
            weights=[float(weights.get(term, 0.0)) for term in terms],
            counts=[scaler.counts.get(term, 0) for term in terms],
            means=[float(scaler.means.get(term, 0.0)) for term in terms],
            variances=[float(scaler.vars.get(term, 0.0)) for term in terms],
        )

    @classmethod
    def from_weights(cls, model: KeyWeights, terms: list[str]) -> Regression:
        """Return the regression that `to_weights` was asked of."""
        regression = cls(PPB // 2)
        regression.learned = model.learned
        regression._regression.intercept = model.intercept
        # River has no public way to set weights; tests/unit/trainers holds the round trip to the last bit.
        regression._regression._weights = utils.VectorDict(dict(zip(terms, model.weights, strict=True)))  # noqa: SLF001
        regression._scaler.counts.update(dict(zip(terms, model.counts, strict=True)))
        regression._scaler.means.update(zip(terms, model.means, strict=True))
        regression._scaler.vars.update(zip(terms, model.variances, strict=True))
        return regression


def to_terms(row: list[float], names: tuple[str, ...], columns: tuple[int, ...]) -> dict[str, float]:
    """Return what river sees of a row for one key: each value that is there, and of each whether it is missing."""
    terms: dict[str, float] = {}
    for name, at in zip(names, columns, strict=True):
        value = row[at]
        missing = value != value  # noqa: PLR0124 — only nan differs from itself, and this is the hot loop
        if not missing:
            terms[name] = compress(value)
        terms[name + ABSENT] = float(missing)
    return terms
