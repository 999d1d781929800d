"""The course of one learner: which example it has taken last, and when what it learned becomes a version.

A version is weights and next offsets in one record. So whatever happens to the process, the learner that goes on from
the last version takes every example exactly once; what it had learned since is forgotten together with its position.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import Final

from agents.trainers.contract import Learner
from agents.trainers.progress import count_of
from streams.records import ModelVersion, TrainingExample

DAY_MS: Final = 86_400_000


@dataclass(frozen=True)
class Pace:
    """When a version is due: behind an example that ends a period of stream days, or when many were learned."""

    first: int = 500  # examples before the first version: fewer say less than the policy's prior
    every: int = 5_000  # examples; bounds what a restart learns again
    days: int = 1


class Course:
    """One learner and where it stands."""

    def __init__(self, learner: Learner, pace: Pace) -> None:
        self.learner = learner
        self._pace = pace
        self.next_offsets: dict[str, int] = {}  # "<topic>/<partition>"
        self.learned = 0
        self.trained_until = 0
        self.skipped: Counter[str] = Counter()  # by reason, since the start of the process
        self._published = 0  # examples in the last version
        self._published_until = 0

    def restore(self, version: ModelVersion) -> None:
        """Go on from a version that such a course published; raise ModelRefusedError for any other."""
        learned = count_of(version.metrics, "learned")
        self.learner.restore(version)
        self.next_offsets = dict(version.next_offsets)
        self.learned = self._published = learned
        self.trained_until = self._published_until = version.trained_until

    def take(self, place: str, offset: int, example: TrainingExample) -> None:
        """Learn from the example at `offset` of `place`."""
        learned = self.learner.take(example)
        self.pass_by(place, offset)
        if learned:
            self.learned += 1
            self.trained_until = max(self.trained_until, example.final_at)
        else:
            self.skipped["about no key of the model"] += 1

    def pass_by(self, place: str, offset: int) -> None:
        """Go on behind a record, whether it was learned from or not; all before it are taken by the next version."""
        self.next_offsets[place] = max(self.next_offsets.get(place, 0), offset + 1)

    def next_version(self) -> ModelVersion | None:
        """Return a version if one is due now."""
        return self._version() if self._is_due() else None

    def _is_due(self) -> bool:
        fresh = self.learned - self._published
        if self.learned < self._pace.first:
            return False
        period_ms = self._pace.days * DAY_MS
        return (
            not self._published
            or fresh >= self._pace.every
            or self.trained_until // period_ms > self._published_until // period_ms
        )

    def _version(self) -> ModelVersion:
        version = self.learner.snapshot()
        version.trained_until = max(version.trained_until, self.trained_until)
        version.next_offsets = dict(self.next_offsets)
        version.metrics["learned"] = float(self.learned)
        version.version = name(self.learned, version)
        if version.calibrator:
            version.calibrator.calibrator_id = f"{version.model}/{version.version}"
        self._published, self._published_until = self.learned, self.trained_until
        return version


def name(learned: int, version: ModelVersion) -> str:
    """Return a version's name: how much it learned, and a hash of what it answers with."""
    digest = hashlib.sha256(version.artefact)
    if version.calibrator:
        digest.update(repr((version.calibrator.edges_ppb, version.calibrator.values_ppb)).encode())
    return f"{learned}-{digest.hexdigest()[:8]}"
