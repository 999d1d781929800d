"""The order of a decision (docs/decisioning.md): every filter, then scores, thresholds, the draw, the holdout.

Theory of operation.  `observe` takes from the rows what the decision needs; `conclude` decides from that snapshot
alone.  Each filter is a pure predicate on the snapshot, so their order sets only which reason is the first.  `decide`
is both; `replay` concludes again from a recorded snapshot and must find the same.
"""

from __future__ import annotations

from streams.decision.calibrate import Estimates
from streams.decision.exploration import Choice, choose, draw
from streams.decision.filters import (
    refused_by_consent,
    refused_by_contact,
    refused_by_offers,
    refused_by_scopes,
    refused_by_validity,
)
from streams.decision.observe import observe
from streams.decision.priority import context_ppm, fatigue_micro, score
from streams.decision.release import refused_by_release, release_at
from streams.decision.verdict import BEST, DEFERRED, EXPLORE, HOLDOUT, NONE, Occasion, Snapshot, Verdict
from streams.policy import Point, Policy
from streams.policy.bitsets import members, union
from streams.policy.board import Board
from streams.records import Calibrator, Feature
from streams.rows import Answer, Contacts, Profile


def decide(
    policy: Policy,
    point: Point,
    profile: Profile,
    contacts: Contacts,
    features: list[Feature],
    answers: dict[str, Answer],
    calibrators: dict[str, Calibrator | None],
    occasion: Occasion,
) -> Verdict:
    """Decide about one person at one decision point."""
    snapshot = observe(policy, point.board, profile, contacts, features, answers, calibrators, occasion)
    return conclude(policy, point, snapshot, occasion.decision_id, occasion.now)


def replay(policy: Policy, verdict: Verdict) -> Verdict:
    """Decide again from what a verdict recorded; under the policy that it names, the result is the same."""
    point = policy.points[verdict.decision_point]
    return conclude(policy, point, verdict.snapshot, verdict.decision_id, verdict.decided_at)


def conclude(policy: Policy, point: Point, snapshot: Snapshot, decision_id: str, now: int) -> Verdict:
    """Decide from a snapshot."""
    board = point.board
    estimates = Estimates(board, snapshot.readings)
    unmet = board.unmet(snapshot.features)  # stage s of candidate i is bit s * size + i, the contexts come after
    failed = _filter(board, snapshot, estimates.refused, unmet, now)

    contexts = context_ppm(board, unmet >> 3 * board.size)
    fatigues = fatigue_micro(board, estimates.propensities, snapshot.pressures_ppm)
    scored = members(board.everyone & ~union(failed))
    scores = score(board.candidates, scored, estimates.propensities, contexts, fatigues, estimates.meta_ppm)
    feasible = scores.feasible

    choice: Choice | None = None
    source, chosen, ghost, deferred = NONE, -1, -1, -1
    if feasible:
        choice = choose(board, policy.exploration, feasible, scores.feasible_score, snapshot.shown, decision_id)
        is_promo = board.candidates[choice.chosen].klass == "promo"
        if is_promo and release_at(board, snapshot.released_at, choice.chosen, now) > now:
            source, deferred = DEFERRED, choice.chosen
        elif is_promo and snapshot.bucket < policy.holdout.buckets:
            source, ghost = HOLDOUT, choice.chosen
        else:
            source, chosen = BEST if choice.chosen == choice.best else EXPLORE, choice.chosen
    return Verdict(
        decision_id,
        policy.hash,
        point.name,
        now,
        snapshot,
        failed,
        contexts,
        fatigues,
        estimates.meta_ppm,
        scored,
        scores.ev,
        scores.cost,
        scores.score,
        feasible,
        choice.explored if choice else [],
        choice.q if choice else [],
        choice.u if choice else draw(policy.exploration.salt, decision_id),
        source,
        chosen,
        ghost,
        deferred,
        _shown(board, choice.ranked, snapshot.shown) if choice and choice.ranked else {},
        estimates.flags + board.assumed,
        _reason(board, failed, scored, source),
    )


def _filter(board: Board, snapshot: Snapshot, without_model: int, unmet: int, now: int) -> list[int]:
    """Return what each filter refuses, in the order of `board.filters`."""
    size, everyone = board.size, board.everyone
    return [
        refused_by_consent(board, snapshot.consents),
        refused_by_scopes(board, snapshot.suppressed),
        unmet & everyone,
        unmet >> size & everyone,
        unmet >> 2 * size & everyone,
        refused_by_validity(board, now),
        refused_by_offers(board, snapshot.offers),
        *refused_by_contact(board, snapshot.counts),
        refused_by_scopes(board, snapshot.cooldowns) & board.promotions,
        refused_by_release(board, snapshot.released_at, snapshot.deferrals, now),
        without_model,
    ]


def _shown(board: Board, ranked: list[int], shown: dict[str, int]) -> dict[str, int]:
    """Return when the actions were last shown between which that may have told."""
    actions = {board.candidates[index].action_id for index in ranked}
    return {action: at for action, at in shown.items() if action in actions}


def _reason(board: Board, failed: list[int], scored: list[int], source: str) -> str | None:
    """Return why there is no action: the first filter after which nothing was left, or what kept the choice back."""
    if source != NONE:
        return source if source in (HOLDOUT, DEFERRED) else None
    if scored:
        return "threshold"
    place = 0
    left = board.everyone & ~failed[0]
    while left:
        place += 1
        left &= ~failed[place]
    return board.filters[place]
