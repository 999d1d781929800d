"""Priority: what each candidate is worth now, in micro-units of money. The roundings are contract."""

from __future__ import annotations

from typing import Final, NamedTuple

from streams.policy.board import Board
from streams.policy.candidates import Terms
from streams.policy.quantities import PPB, PPM

CONTEXT_PPM_MIN: Final = 500_000
CONTEXT_PPM_MAX: Final = 2_000_000


class Scores(NamedTuple):
    """The terms of the scores, aligned with the candidates that were scored."""

    ev: list[int]
    cost: list[int]
    score: list[int]
    feasible: list[int]  # the candidates above their threshold; the next is aligned with it
    feasible_score: list[int]


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
    terms: list[Terms],
    scored: list[int],
    propensities: list[int],
    contexts: list[int],
    fatigues: list[int],
    meta_ppm: int,
) -> Scores:
    """Return the scores of some candidates, of which these are the terms."""
    evs: list[int] = []
    costs: list[int] = []
    scores: list[int] = []
    feasible: list[int] = []
    feasible_scores: list[int] = []
    of, ev, offer_cost, m = "", 0, 0, 0
    for index in scored:
        action_id, values, redeemed_at, offer_micro, fixed_micro, load, category_at, lever_ppm, threshold = terms[index]
        if action_id != of:  # the treatments of an action stand side by side and share its value and its lever
            of, ev, offer_cost = action_id, 0, 0
            for column, value in values:
                ev += propensities[column] * value
            ev //= PPB
            if redeemed_at >= 0:
                offer_cost = propensities[redeemed_at] * offer_micro // PPB
            m = contexts[category_at] * (lever_ppm * meta_ppm // PPM) // PPM
        cost = fixed_micro + offer_cost
        net = ev - cost - fatigues[load]
        worth = net * m // PPM if net >= 0 else net * PPM // m
        evs.append(ev)
        costs.append(cost)
        scores.append(worth)
        if worth > threshold:
            feasible.append(index)
            feasible_scores.append(worth)
    return Scores(evs, costs, scores, feasible, feasible_scores)
