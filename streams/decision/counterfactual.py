"""Counterfactuals: the single change that would have had another candidate chosen, as far as there is one.

Computed from the record: one filter lifted, one likelihood or the lever raised, everything else as it was.  Chance is
left out: what is said is what would have been the best.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from streams.decision.calibrate import Estimates
from streams.decision.priority import score
from streams.decision.verdict import Verdict
from streams.policy import Candidate, Point
from streams.policy.board import Board
from streams.policy.catalogue import LEVER_PPM_MAX
from streams.policy.quantities import PPB

LIFTED, LIKELIER, LEVERED = "lifted", "likelier", "levered"


@dataclass(frozen=True, slots=True)
class Flip:
    """One change, and what comes of it."""

    kind: str  # lifted: a filter | likelier: an outcome | levered: the lever
    name: str  # of the filter, or the index of the outcome among the candidate's values
    before: int  # ppb of a likelihood, ppm of a lever
    after: int
    gap_micro: int  # by how much it would have been ahead; below 0: it would not have been chosen still


class Counterfactual:
    """What would have been, of one decision."""

    def __init__(self, point: Point, verdict: Verdict) -> None:
        """Take what the record says."""
        self._board: Final[Board] = point.board
        self._verdict: Final = verdict
        self._estimates: Final = Estimates(point.board, verdict.snapshot.readings)
        self._by_index: Final = dict(zip(verdict.scored, verdict.scores_micro, strict=True))
        tiers = [point.board.candidates[index].tier for index in verdict.feasible]
        self._is_urgent: Final = 0 in tiers

    def flips(self, index: int) -> list[Flip]:
        """Return the single changes that bear on a candidate which was not the best, the most telling first.

        None where two filters or more refuse it, or where something urgent was to be said: no single change helps.
        """
        board, candidate = self._board, self._board.candidates[index]
        if self._is_urgent and candidate.tier:
            return []
        refused = [name for name, mask in zip(board.filters, self._verdict.failed, strict=True) if mask >> index & 1]
        if len(refused) > 1:
            return []
        if refused:
            return [Flip(LIFTED, refused[0], 0, 0, self._score(candidate) - self._bar(candidate, self._by_index))]
        return [*self._likelier(candidate), *self._levered(candidate)]

    def _score(self, candidate: Candidate, lever_ppm: int = 0) -> int:
        """Return a candidate's score, with another lever where one is given."""
        alone = [replace(candidate, lever_ppm=lever_ppm or candidate.lever_ppm)]
        return self._scores(alone, [0], self._estimates.propensities)[0]

    def _scores(self, candidates: list[Candidate], scored: list[int], propensities: list[int]) -> list[int]:
        verdict = self._verdict
        contexts, fatigues = verdict.context_ppm, verdict.fatigue_micro
        return score(candidates, scored, propensities, contexts, fatigues, verdict.meta_ppm).score

    def _bar(self, candidate: Candidate, by_index: Mapping[int, int]) -> int:
        """Return what a candidate's score has to be above to be the best, given the scores."""
        known = self._board.candidates
        others = [
            worth for one, worth in by_index.items() if one != candidate.index and worth > known[one].threshold_micro
        ]
        return max([candidate.threshold_micro, *others])

    def _likelier(self, candidate: Candidate) -> list[Flip]:
        """Return how likely an outcome would have to be; a likelihood that is not by category raises others too."""
        verdict, told, found = self._verdict, self._estimates.propensities, []
        for place, (column, worth) in enumerate(candidate.values):

            def ahead(ppb: int, column: int = column) -> int:
                propensities = [*told[:column], ppb, *told[column + 1 :]]
                scores = self._scores(self._board.candidates, verdict.scored, propensities)
                by_index = dict(zip(verdict.scored, scores, strict=True))
                return by_index[candidate.index] - self._bar(candidate, by_index)

            if worth > 0 and (needed := _least(ahead, told[column], PPB)) is not None:
                found.append(Flip(LIKELIER, str(place), told[column], needed, ahead(needed)))
        return sorted(found, key=lambda flip: flip.after - flip.before)

    def _levered(self, candidate: Candidate) -> list[Flip]:
        bar = self._bar(candidate, self._by_index)

        def ahead(ppm: int) -> int:
            return self._score(candidate, ppm) - bar

        needed = _least(ahead, candidate.lever_ppm, LEVER_PPM_MAX)
        return [] if needed is None else [Flip(LEVERED, "", candidate.lever_ppm, needed, ahead(needed))]


def _least(ahead: Callable[[int], int], low: int, high: int) -> int | None:
    """Return the least amount above `low` with which one is ahead; None where one is ahead already, or not at `high`.

    A score is linear in what is changed and the best of the others convex: between the two there is one crossing.
    """
    if low >= high or ahead(high) <= 0 or ahead(low) > 0:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        if ahead(middle) > 0:
            high = middle
        else:
            low = middle
    return high
