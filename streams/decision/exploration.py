"""Exploration: one candidate is drawn, and its selection probability is exact."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Final

from streams.decision.verdict import WHOLE
from streams.policy.board import Board
from streams.policy.quantities import PPM
from streams.policy.sampling import Exploration

FLOOR_PPM: Final = 1_000  # nothing is drawn with less than 0.001: its reward would say next to nothing


class Choice:
    """What was drawn, from what, and how likely that was."""

    __slots__ = ("best", "chosen", "explored", "q", "ranked", "u")

    def __init__(self, explored: list[int], q: list[int], u: int, best: int, chosen: int, ranked: list[int]) -> None:
        self.explored = explored
        self.q = q
        self.u = u
        self.best = best
        self.chosen = chosen
        self.ranked = ranked  # candidates between which more than the score had to tell


def draw(salt: str, decision_id: str) -> int:
    """Return u: the first 32 bits of SHA-256(salt | decision_id), big-endian."""
    return int.from_bytes(hashlib.sha256(f"{salt}|{decision_id}".encode()).digest()[:4], "big")


@lru_cache(maxsize=4_096)
def quantise(epsilon_ppm: int, arms: int, best: int) -> tuple[int, ...]:
    """Return the selection probabilities of so many candidates in 2⁻³², which sum to exactly 2³².

    The best has (1 − ε) + ε/arms, every other one ε/arms.  What rounding down leaves goes to the largest remainders,
    ties by index.
    """
    parts = PPM * arms
    weights = [epsilon_ppm + (arms * (PPM - epsilon_ppm) if arm == best else 0) for arm in range(arms)]
    q = [weight * WHOLE // parts for weight in weights]
    by_remainder = sorted(range(arms), key=lambda arm: (-(weights[arm] * WHOLE % parts), arm))
    for arm in by_remainder[: WHOLE - sum(q)]:
        q[arm] += 1
    return tuple(q)


def pick(q: tuple[int, ...], u: int) -> int:
    """Return the arm in whose share of [0, 2³²) u falls."""
    arm, end = 0, q[0]
    while end <= u:
        arm += 1
        end += q[arm]
    return arm


def rank(
    board: Board, candidates: list[int], scores: dict[int, int], shown: dict[str, int], decision_id: str
) -> list[int]:
    """Order candidates of one tier: score, category priority, longest not shown, then a hash that no one can steer."""

    def order(index: int) -> tuple[int, int, int, bytes, int]:
        candidate = board.candidates[index]
        tie = hashlib.sha256(f"{decision_id}|{candidate.action_id}".encode()).digest()
        return (-scores[index], -candidate.priority, shown.get(candidate.action_id, -1), tie, index)

    return sorted(candidates, key=order)


def choose(
    board: Board,
    exploration: Exploration,
    feasible: list[int],
    scores: list[int],
    shown: dict[str, int],
    decision_id: str,
) -> Choice:
    """Choose one of the feasible candidates (at least one); tier 0 comes first and is never explored.

    `scores` are aligned with `feasible`.
    """
    u = draw(exploration.salt, decision_id)
    urgent: list[int] = []
    if board.urgent:
        urgent = [place for place, index in enumerate(feasible) if board.urgent >> index & 1]
    if urgent:
        feasible, scores = [feasible[place] for place in urgent], [scores[place] for place in urgent]
    top = max(scores)
    best, ranked = feasible[scores.index(top)], []
    if scores.count(top) > 1:
        ranked = [index for index, worth in zip(feasible, scores, strict=True) if worth == top]
        best = rank(board, ranked, dict.fromkeys(ranked, top), shown, decision_id)[0]
    if urgent:
        return Choice([best], [WHOLE], u, best, best, ranked)
    floor = top - exploration.delta_micro
    near = [index for index, worth in zip(feasible, scores, strict=True) if worth >= floor]
    arms_max = max(1, exploration.epsilon_ppm // FLOOR_PPM)
    if len(near) > arms_max:
        ranked = near
        by_index = dict(zip(feasible, scores, strict=True))
        near = sorted(rank(board, near, by_index, shown, decision_id)[:arms_max])
    q = quantise(exploration.epsilon_ppm, len(near), near.index(best))
    return Choice(near, list(q), u, best, near[pick(q, u)], ranked)
