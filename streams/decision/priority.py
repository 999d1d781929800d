"""Priority: what each candidate is worth now, in micro-units of money. The roundings are contract."""

from __future__ import annotations

from typing import Final

from streams.policy import Candidate
from streams.policy.board import Board
from streams.policy.quantities import PPB, PPM

CONTEXT_PPM_MIN: Final = 500_000
CONTEXT_PPM_MAX: Final = 2_000_000


class Scores:
    """The terms of the scores, aligned with the candidates that were scored."""

    __slots__ = ("cost", "ev", "feasible", "feasible_score", "score")

    def __init__(self) -> None:
        self.ev: list[int] = []
        self.cost: list[int] = []
        self.score: list[int] = []
        self.feasible: list[int] = []  # the candidates above their threshold; the next is aligned with it
        self.feasible_score: list[int] = []


def context_ppm(board: Board, unmet: int) -> list[int]:
    """Return C by category: 1 and the percentages of the contexts that hold, clipped to [0.5, 2]."""
    out = [PPM] * board.category_count
    touched: list[int] = []
    for index, category in enumerate(board.context_category):
        if not unmet >> index & 1:
            out[category] += board.context_ppm[index]
            touched.append(category)
    for category in touched:
        out[category] = min(max(out[category], CONTEXT_PPM_MIN), CONTEXT_PPM_MAX)
    return out


def fatigue_micro(board: Board, propensities: list[int], pressures_ppm: list[int]) -> list[int]:
    """Return FAT by load: what the contact may cost us in patience."""
    out: list[int] = []
    for index, load in enumerate(board.loads):
        weight = pressures_ppm[index] * load.kappa
        for column, value in load.losses:
            weight += propensities[column] * value
        out.append(weight // PPB)
    return out


def score(
    candidates: list[Candidate],
    scored: list[int],
    propensities: list[int],
    contexts: list[int],
    fatigues: list[int],
    meta_ppm: int,
) -> Scores:
    """Return the scores of some of these candidates."""
    scores = Scores()
    action_id, ev, offer_cost = "", 0, 0
    for index in scored:
        candidate = candidates[index]
        if candidate.action_id != action_id:  # the treatments of an action stand side by side and share its value
            action_id, ev, offer_cost = candidate.action_id, 0, 0
            for column, value in candidate.values:
                ev += propensities[column] * value
            ev //= PPB
            if candidate.redeemed_at >= 0:
                offer_cost = propensities[candidate.redeemed_at] * candidate.offer_cost_micro // PPB
        cost = candidate.fixed_cost_micro + offer_cost
        net = ev - cost - fatigues[candidate.load]
        m = contexts[candidate.category_at] * (candidate.lever_ppm * meta_ppm // PPM) // PPM
        scores.ev.append(ev)
        scores.cost.append(cost)
        worth = net * m // PPM if net >= 0 else net * PPM // m
        scores.score.append(worth)
        if worth > candidate.threshold_micro:
            scores.feasible.append(index)
            scores.feasible_score.append(worth)
    return scores
