"""What is said to have changed a decision changes it: one step less does not."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest

from streams.decision import Verdict
from streams.decision.counterfactual import LEVERED, LIFTED, LIKELIER, Counterfactual, Flip
from streams.decision.order import conclude
from streams.policy import Policy, compile_policy
from tests.crowd import crowd, crowd_policy

POINT = "till"
SEEDS = (2, 5)  # those of which nothing is drawn to explore


def winner(policy: Policy, verdict: Verdict) -> int:
    """Return what is the best from a verdict's snapshot under a policy."""
    return conclude(policy, policy.points[POINT], verdict.snapshot, verdict.decision_id, verdict.decided_at).winner


def is_ahead(policy: Policy, verdict: Verdict, index: int) -> bool:
    """Tell whether a candidate scores more than all others; of those that score the same a tie is broken."""
    point = policy.points[POINT]
    found = conclude(policy, point, verdict.snapshot, verdict.decision_id, verdict.decided_at)
    scores = dict(zip(found.scored, found.scores_micro, strict=True))
    return index in found.feasible and all(scores[index] > scores[one] for one in found.feasible if one != index)


def with_likelihood(policy: Policy, verdict: Verdict, index: int, flip: Flip, ppb: int) -> Verdict:
    """Return the verdict with another propensity in the snapshot."""
    board = policy.points[POINT].board
    column, _ = board.candidates[index].values[int(flip.name)]
    changed = copy.deepcopy(verdict)
    for seat, reading in zip(board.seats, changed.snapshot.readings, strict=True):
        if seat.column <= column < seat.column + seat.width and seat.column >= 0:
            reading.propensities_ppb = reading.propensities_ppb or [seat.model.prior_ppb] * seat.width
            reading.propensities_ppb[column - seat.column] = ppb
    return changed


@pytest.mark.parametrize("seed", SEEDS)
def test_a_likelihood_that_would_have_changed_it_does_and_one_less_does_not(seed: int) -> None:
    policy = compile_policy(crowd_policy(seed, 30, loose=True, timed=False))
    checked = 0
    for case in crowd(policy, policy.points[POINT], seed, 60):
        verdict = case.decide(policy, policy.points[POINT])
        would = Counterfactual(policy.points[POINT], verdict)
        for index in verdict.scored:
            for flip in would.flips(index):
                if flip.kind != LIKELIER:
                    continue
                changed = [with_likelihood(policy, verdict, index, flip, ppb) for ppb in (flip.after, flip.after - 1)]
                checked += 1
                assert winner(policy, changed[0]) == index
                assert not is_ahead(policy, changed[1], index)
    assert checked > 3


@pytest.mark.parametrize("seed", SEEDS)
def test_a_lever_that_would_have_changed_it_does_and_one_less_does_not(seed: int) -> None:
    bundle = crowd_policy(seed, 30, loose=True, timed=False)
    policy = compile_policy(bundle)
    board, checked = policy.points[POINT].board, 0

    def levered(action_id: str, ppm: int) -> Policy:
        actions = [one | ({"lever": ppm / 1e6} if one["id"] == action_id else {}) for one in bundle["actions"]]
        return compile_policy(bundle | {"actions": actions})

    for case in crowd(policy, policy.points[POINT], seed, 150):
        verdict = case.decide(policy, policy.points[POINT])
        would = Counterfactual(policy.points[POINT], verdict)
        for index in verdict.scored:
            candidate = board.candidates[index]
            alone = sum(board.candidates[one].action_id == candidate.action_id for one in verdict.scored) == 1
            for flip in would.flips(index) if alone else ():
                if flip.kind == LEVERED and checked < 12:
                    checked += 1
                    assert winner(levered(candidate.action_id, flip.after), verdict) == index
                    assert not is_ahead(levered(candidate.action_id, flip.after - 1), verdict, index)
    assert checked > 3


@pytest.mark.parametrize("seed", SEEDS)
def test_a_filter_that_is_lifted_lets_the_candidate_win_if_that_is_said(seed: int) -> None:
    policy = compile_policy(crowd_policy(seed, 40, timed=False))
    point, checked = policy.points[POINT], {True: 0, False: 0}
    for case in crowd(policy, point, seed, 200):
        verdict = case.decide(policy, point)
        free = replace(verdict.snapshot, suppressed=[], cooldowns=[])
        lifted = conclude(policy, point, free, verdict.decision_id, verdict.decided_at)
        would = Counterfactual(point, verdict)
        for index in set(lifted.scored) - set(verdict.scored):
            newly = [one for one in lifted.feasible if one not in verdict.feasible]
            for flip in would.flips(index):
                if flip.kind == LIFTED and newly in ([index], []):
                    checked[flip.gap_micro > 0] += 1
                    assert (lifted.winner == index) == (flip.gap_micro > 0) or flip.gap_micro == 0
    assert checked[False]


def test_nothing_is_said_of_what_two_filters_refuse_or_what_was_less_urgent() -> None:
    policy = compile_policy(crowd_policy(2, 40))
    point, refused_twice = policy.points[POINT], 0
    for case in crowd(policy, point, 2, 40):
        verdict = case.decide(policy, point)
        would = Counterfactual(point, verdict)
        is_urgent = any(point.board.candidates[one].tier == 0 for one in verdict.feasible)
        for candidate in point.board.candidates:
            count = sum(mask >> candidate.index & 1 for mask in verdict.failed)
            if count > 1 or (is_urgent and candidate.tier):
                refused_twice += 1
                assert would.flips(candidate.index) == []
    assert refused_twice
