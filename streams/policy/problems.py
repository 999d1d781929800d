"""Problems: what is wrong with a bundle, and where."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a bundle; agents turn the path into file and line."""

    path: tuple[str | int, ...]  # of keys and indices, from the root of the bundle
    message: str


class PolicyRefused(Exception):
    """A bundle is no policy: correct every problem and load it again."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__(
            "\n".join(f"{'.'.join(map(str, problem.path)) or 'bundle'}: {problem.message}" for problem in problems)
        )


def expected_one_of(known: Iterable[str], got: object) -> str:
    """Say what was expected instead of `got`, beginning with what was probably meant."""
    names = sorted(known)
    near = get_close_matches(str(got), names, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"{hint}Expected one of {', '.join(names) or '(none is declared)'}"
