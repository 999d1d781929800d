"""Everything that reads bytes from outside, by name."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from tests.fuzz.target import Target

SUBJECTS: Final = ("records", "kept", "words", "worker")  # modules with a list of targets, the quickest to import first


def find(name: str) -> Target | None:
    """Return a target, for which no more is imported than it takes."""
    return next((target for subject in SUBJECTS for target in _of(subject) if target.name == name), None)


def every() -> dict[str, Target]:
    """Return all targets."""
    return {target.name: target for subject in SUBJECTS for target in _of(subject)}


def _of(subject: str) -> list[Target]:
    targets: list[Target] = import_module(f"tests.fuzz.{subject}").TARGETS
    return targets
