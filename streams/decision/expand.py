"""Expansion: from a verdict's columns to the view of one candidate after another, for those who read."""

from __future__ import annotations

from dataclasses import dataclass

from streams.decision.verdict import Verdict
from streams.policy import Candidate, Point
from streams.policy.board import BEFORE_CONTACT, Board


@dataclass(frozen=True, slots=True)
class Failure:
    """One filter that refuses a candidate; observed and limit are contacts, or money for a threshold, else 0."""

    filter: str
    observed: int
    limit: int


@dataclass(frozen=True, slots=True)
class Score:
    """The terms of one candidate's score."""

    ev_micro: int
    cost_micro: int
    fatigue_micro: int
    context_ppm: int
    lever_ppm: int
    meta_ppm: int
    score_micro: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How one candidate fared."""

    candidate: Candidate
    failures: tuple[Failure, ...]  # in the order of the filters; the first is the reason
    score: Score | None  # None = refused before it was scored
    q: int  # selection probability in 2⁻³²


def expand(point: Point, verdict: Verdict) -> list[Standing]:
    """Return the standings of all candidates of a decision point, in the catalogue's order."""
    board = point.board
    scores = {index: score_of(board, verdict, index) for index in verdict.scored}
    q = dict(zip(verdict.explored, verdict.q, strict=True))
    standings: list[Standing] = []
    for candidate in board.candidates:
        score = scores.get(candidate.index)
        failures = _failures(board, verdict, candidate)
        if score is not None and score.score_micro <= candidate.threshold_micro:
            failures.append(Failure("threshold", score.score_micro, candidate.threshold_micro))
        standings.append(Standing(candidate, tuple(failures), score, q.get(candidate.index, 0)))
    return standings


def score_of(board: Board, verdict: Verdict, index: int) -> Score:
    """Return the score of a candidate that was scored, with its terms."""
    candidate = board.candidates[index]
    place = verdict.scored.index(index)
    return Score(
        verdict.ev_micro[place],
        verdict.cost_micro[place],
        verdict.fatigue_micro[candidate.load],
        verdict.context_ppm[candidate.category_at],
        candidate.lever_ppm,
        verdict.meta_ppm,
        verdict.scores_micro[place],
    )


def _failures(board: Board, verdict: Verdict, candidate: Candidate) -> list[Failure]:
    windows_from = len(BEFORE_CONTACT)
    ids = ("*", candidate.channel_id, candidate.category, candidate.intent, candidate.action_id)
    failures: list[Failure] = []
    for place, refused in enumerate(verdict.failed):
        if not refused >> candidate.index & 1:
            continue
        observed = limit = 0
        if 0 <= place - windows_from < len(board.windows):
            window = board.windows[place - windows_from]
            counts = verdict.snapshot.counts  # empty where the person's key is gone
            observed = counts[place - windows_from].get(ids[window.scope], 0) if counts else 0
            limit = window.limit
        failures.append(Failure(board.filters[place], observed, limit))
    return failures
