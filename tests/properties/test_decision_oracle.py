"""The board says what the oracle says, candidate by candidate, to the digit."""

from __future__ import annotations

import pytest

from streams.decision import Verdict, pack, replay, unpack
from streams.decision.expand import expand
from streams.policy import Policy, compile_policy
from tests.crowd import Case, crowd, crowd_policy
from tests.oracle import Oracle, Row, Ruling

POINT = "till"


def ruling_of(policy: Policy, verdict: Verdict) -> Ruling:
    """Return a verdict in the oracle's words."""
    point = policy.points[POINT]
    rows = [
        Row(
            standing.candidate.treatment_id,
            tuple((failure.filter, failure.observed, failure.limit) for failure in standing.failures),
            (
                standing.score.ev_micro,
                standing.score.cost_micro,
                standing.score.fatigue_micro,
                standing.score.context_ppm,
                standing.score.score_micro,
            )
            if standing.score
            else None,
            standing.q,
        )
        for standing in expand(point, verdict)
    ]
    names = [*[candidate.treatment_id for candidate in point.board.candidates], ""]
    return Ruling(
        rows, verdict.u, verdict.source, names[verdict.chosen], names[verdict.ghost], verdict.flags, verdict.reason
    )


def seal(plaintext: bytes, decision_id: str) -> bytes:
    """Stand for encryption: reversible, and other bytes than the plaintext."""
    pad = decision_id[-1].encode()[0]
    return bytes(byte ^ pad for byte in plaintext)


def check(policy: Policy, oracle: Oracle, case: Case) -> Verdict:
    """Compare one case, and replay it from its evidence."""
    point = policy.points[POINT]
    verdict = case.decide(policy, point)
    assert ruling_of(policy, verdict) == oracle.rule(case)
    evidence = pack(verdict, seal)
    assert pack(replay(policy, unpack(evidence, seal)), seal) == evidence
    return verdict


@pytest.mark.parametrize(
    ("seed", "actions", "loose"),
    [(1, 50, False), (2, 24, True), (3, 50, True), (4, 90, True), (5, 40, True), (10, 30, False)],
)
def test_board_agrees_with_the_oracle(seed: int, actions: int, loose: bool) -> None:
    bundle = crowd_policy(seed, actions, loose=loose)
    policy = compile_policy(bundle)
    oracle = Oracle(bundle, policy, POINT)
    for case in crowd(policy, policy.points[POINT], seed + 100, 80):
        check(policy, oracle, case)


@pytest.mark.parametrize("seed", [1, 4, 6])
def test_board_agrees_on_the_very_edges(seed: int) -> None:
    """Window edges, local midnights, equal scores, limits of 0, offers and leases that end now."""
    bundle = crowd_policy(seed, 40, loose=True)
    for action in bundle["actions"]:
        action |= {"value": {"purchase": 20.0}, "offer_cost": 0, "lever": 1}
    policy = compile_policy(bundle)
    oracle = Oracle(bundle, policy, POINT)
    ties = 0
    for case in crowd(policy, policy.points[POINT], seed + 200, 100, edges=True):
        ties += bool(check(policy, oracle, case).shown)
    assert ties
