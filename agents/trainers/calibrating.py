"""Learns how far an ONNX model can be believed: its graph stays, a calibrator is fitted on its own recorded answers."""

from __future__ import annotations

from dataclasses import replace
from math import nan

from agents.trainers.contract import ExampleRefusedError
from agents.trainers.progress import BINS, Progress, count_of, whole
from agents.workers.contract import ModelRefusedError
from agents.workers.kinds import SIGNALS
from streams.records import ModelVersion, TrainingExample


class CalibrationLearner:
    """Learner of an `onnx` model: somebody else trains and publishes it, this one publishes it again, calibrated."""

    def __init__(self, model: str, prior_ppb: int) -> None:
        self._model = model
        self._prior_ppb = prior_ppb
        self._base: ModelVersion | None = None
        self._names: set[str] = set()  # of the versions with the base's graph
        self._progress = Progress()

    def take(self, example: TrainingExample) -> bool:
        """Note what the model had answered and what followed; False for answers of another graph, or of none."""
        if example.output is None or example.version not in self._names:
            return False
        if example.label not in {0.0, 1.0} or not 0.0 <= example.output <= 1.0:
            raise ExampleRefusedError(
                f"expected the label 0 or 1 and an output between; got {example.label}, {example.output}"
            )
        self._progress.note(example.output, happened=example.label == 1.0)
        return True

    def follow(self, version: ModelVersion) -> None:
        """Take up a graph that somebody published; what was learned about another one says nothing about it."""
        if version.kind in SIGNALS or version.model != self._model:
            return
        if self._base is None or version.artefact != self._base.artefact:
            self._base, self._names, self._progress = version, set(), Progress()
        self._names.add(version.version)

    def snapshot(self) -> ModelVersion:
        """Return the graph again, with a calibrator of its answers so far."""
        if self._base is None:
            raise ModelRefusedError(f"expected a published version of {self._model} to calibrate; there is none")
        return replace(
            self._base,
            version="",
            calibrator=self._progress.calibrator("", self._prior_ppb),
            metrics={**self._progress.metrics(), **to_metrics(self._progress)},
        )

    def restore(self, version: ModelVersion) -> None:
        """Go on from a version published by such a learner."""
        self.follow(version)
        self._progress = from_metrics(version.metrics)


def to_metrics(progress: Progress) -> dict[str, float]:
    """Return the progress as metrics of a version: its artefact is a graph and has no room for it."""
    kept = {"positives": float(progress.positives), "log_loss_sum": progress.log_loss}
    for at in range(BINS):
        if progress.counts[at]:
            kept[f"count/{at}"] = float(progress.counts[at])
            kept[f"hits/{at}"] = float(progress.hits[at])
    return kept


def from_metrics(metrics: dict[str, float]) -> Progress:
    """Return the progress that `to_metrics` kept; raise ModelRefusedError where it kept none."""
    progress = Progress(count_of(metrics, "examples"), count_of(metrics, "positives"), metrics.get("log_loss_sum", nan))
    for at in range(BINS):
        progress.counts[at] = count_of(metrics, f"count/{at}", 0)
        progress.hits[at] = count_of(metrics, f"hits/{at}", 0)
    progress.counted = sum(progress.counts)
    return whole(progress)
