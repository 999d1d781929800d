"""Models that answer inside the worker, at once: the port that agents hand to *propose*."""

from __future__ import annotations

import math
from collections import Counter

import structlog

from agents.workers.contract import RowRefusedError
from agents.workers.features import to_row
from agents.workers.shelf import Shelf
from streams.records import Feature, ModelVersion

_log = structlog.get_logger(__name__)


class InlineModels:
    """The versions of all inline models; keyed by model, then by version.

    A worker that restores a shard teaches it the whole `models` topic first: a decision may use a version that came in
    before the shard's stored position.
    """

    def __init__(self) -> None:
        self.failures: Counter[str] = Counter()  # by model: questions that a loaded version did not answer
        self._shelves: dict[str, Shelf] = {}

    def learn(self, version: ModelVersion) -> None:
        """Keep a version of a model; signals and repeats change nothing."""
        self._shelves.setdefault(version.model, Shelf()).put(version)

    def answer(self, name: str, version: str, features: list[Feature]) -> list[float] | None:
        """Return the model's outputs; None if the version is not here, or (counted) it failed on these features."""
        shelf = self._shelves.get(name)
        loaded = shelf.get(version) if shelf else None
        if loaded is None:
            return None
        try:
            if len(features) != loaded.inputs:
                raise RowRefusedError(f"expected {loaded.inputs} features; got {len(features)}")  # noqa: TRY301 — one way to fail
            outputs = loaded.served.answer([to_row(features)])[0]
        except Exception as error:  # noqa: BLE001 — a model is somebody else's code; the decision goes on without it
            self._fail(name, version, repr(error))
            return None
        if not all(map(math.isfinite, outputs)):
            self._fail(name, version, f"expected finite outputs; got {outputs}")
            return None
        return outputs

    def _fail(self, name: str, version: str, reason: str) -> None:
        self.failures[name] += 1
        if self.failures[name].bit_count() == 1:  # 1, 2, 4, 8 …: a model that always fails must not fill the log
            _log.error("inline model failed", model=name, version=version, why=reason, failures=self.failures[name])
