"""What a learner is: it takes examples one by one, and can be put down and taken up again without a difference."""

from __future__ import annotations

from typing import Protocol

from streams.records import ModelVersion, TrainingExample


class ExampleRefusedError(Exception):
    """This example cannot be learned from; says what was expected and what came."""


class Learner(Protocol):
    """One model's learner: its state is what it published last and what it took since."""

    def take(self, example: TrainingExample) -> bool:
        """Learn from one final example; False if it says nothing about this model. May raise ExampleRefusedError."""

    def follow(self, version: ModelVersion) -> None:
        """Take note of a version that came in on `models`, its own included; signals too."""

    def snapshot(self) -> ModelVersion:
        """Return all it knows as a version; offsets, times and the version's name are the course's to fill in."""

    def restore(self, version: ModelVersion) -> None:
        """Go on where the learner that made this version stood; raise ModelRefusedError if it is not its own kind."""
