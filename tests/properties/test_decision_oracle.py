"""The board says what the oracle says, candidate by candidate, to the digit."""

from __future__ import annotations

import pytest

from streams.decision import Verdict, pack, replay, unpack
from streams.policy import Policy, compile_policy
from streams.policy.bitsets import members
from tests import crowd
from tests.crowd import crowd_policy
from tests.oracle.bundle import Bundle
from tests.oracle.people import Contact, Offer, Person
from tests.oracle.ruling import Answer, Case, Oracle, Ruling, Terms

POINT = "till"


def case_of(case: crowd.Case) -> Case:
    """Return a case in the oracle's words."""
    return Case(
        case.decision_id, case.profile_id, case.now, person_of(case), case.features,
        {name: answer_of(case, name) for name in case.answers}, case.deferrals,
    )  # fmt: skip


def answer_of(case: crowd.Case, name: str) -> Answer:
    answer, calibrator = case.answers[name], case.calibrators[name]
    if calibrator is None:
        return Answer(answer.status, answer.outputs)
    return Answer(answer.status, answer.outputs, calibrator.edges_ppb, calibrator.values_ppb)


def person_of(case: crowd.Case) -> Person:
    told = case.contacts
    contacts = [
        Contact(
            at,
            {
                "global": "*", "channel": told.channel[n], "category": told.category[n], "intent": told.intent[n],
                "action": told.action[n],
            },
            told.klass[n], told.activation_id[n], told.lease_until[n], bool(told.ghost[n]),
        )
        for n, at in enumerate(told.at)
    ]  # fmt: skip
    offers = [
        Offer(
            one.activation_id, one.action, one.group, one.line, one.price, one.intent, one.channel, one.state,
            one.until, bool(one.ghost),
        )
        for one in told.offers
    ]  # fmt: skip
    consents = {scope: (bool(granted), at) for scope, (granted, at) in case.profile.consents.items()}
    cooldowns = {scope: max(until for name, until in told.cooldowns if name == scope) for scope, _ in told.cooldowns}
    pressure = {channel: (amount, since) for channel, (amount, since) in told.pressure.items()}
    suppressed = case.profile.suppressed
    left = [(zone, at) for zone, at in case.profile.left]
    return Person(case.profile.zone, consents, suppressed, contacts, offers, cooldowns, pressure, left=left)


def ruling_of(policy: Policy, verdict: Verdict) -> Ruling:
    """Return a verdict in the oracle's words."""
    candidates = policy.points[POINT].board.candidates
    columns = zip(verdict.scored, verdict.ev_micro, verdict.cost_micro, verdict.scores_micro, strict=True)
    seen = verdict.snapshot
    return Ruling(
        seen.bucket, [set(members(refused)) for refused in verdict.failed], seen.counts, seen.pressures_ppm,
        verdict.fatigue_micro, verdict.context_ppm, verdict.meta_ppm,
        {
            n: Terms(ev, cost, verdict.fatigue_micro[one.load], verdict.context_ppm[one.category_at], score)
            for n, ev, cost, score in columns
            for one in [candidates[n]]
        },
        verdict.feasible, dict(zip(verdict.explored, verdict.q, strict=True)), verdict.u, verdict.source,
        verdict.chosen, verdict.ghost, verdict.deferred, seen.released_at, verdict.shown, verdict.flags, verdict.reason,
    )  # fmt: skip


def seal(plaintext: bytes, decision_id: str) -> bytes:
    """Stand for encryption: reversible, and other bytes than the plaintext."""
    pad = decision_id[-1].encode()[0]
    return bytes(byte ^ pad for byte in plaintext)


def check(policy: Policy, oracle: Oracle, case: crowd.Case) -> Verdict:
    """Compare one case, and replay it from its evidence."""
    point = policy.points[POINT]
    verdict = case.decide(policy, point)
    assert ruling_of(policy, verdict) == oracle.rule(case_of(case))
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
    oracle = Oracle(Bundle(bundle), POINT)
    assert tuple(oracle.filters) == policy.points[POINT].board.filters
    for case in crowd.crowd(policy, policy.points[POINT], seed + 100, 80):
        check(policy, oracle, case)


@pytest.mark.parametrize("seed", [1, 4, 6])
def test_board_agrees_on_the_very_edges(seed: int) -> None:
    """Window edges, local midnights, equal scores, limits of 0, offers and leases that end now."""
    bundle = crowd_policy(seed, 40, loose=True)
    for action in bundle["actions"]:
        action |= {"value": {"purchase": 20.0}, "offer_cost": 0, "lever": 1}
    policy = compile_policy(bundle)
    oracle = Oracle(Bundle(bundle), POINT)
    ties = 0
    for case in crowd.crowd(policy, policy.points[POINT], seed + 200, 100, edges=True):
        ties += bool(check(policy, oracle, case).shown)
    assert ties
