"""Problems: what is wrong with a bundle, and where."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a bundle; agents turn the path into file and line."""

    path: tuple[str | int, ...]  # of keys and indices, from the root of the bundle
    message: str
