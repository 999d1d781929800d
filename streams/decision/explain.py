"""Explanation: one decision in words, from its record: why this, and why not each of the others.

Nothing is computed anew but sums of what was recorded.  Three readers: the person (what, and why, without our figures),
the service agent (figures, rivals, reasons), the auditor (all of it, with versions and probabilities).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from streams.decision.calibrate import Estimates
from streams.decision.counterfactual import LEVERED, LIFTED, Counterfactual, Flip
from streams.decision.expand import Failure, Standing, expand, score_of
from streams.decision.filters import refused_by_offer
from streams.decision.release import release_at
from streams.decision.verdict import EXPLORE, WHOLE, Verdict
from streams.decision.wording import instant, money, percent, times
from streams.policy import Candidate, Point, Policy
from streams.policy.board import CONTACT
from streams.policy.quantities import PPB, PPM
from streams.records import Decision

RIVALS_MAX: Final = 3

REFUSALS: Final = {
    "consent": "no consent for this delivery channel",
    "suppression": "suppressed for this person, or switched off",
    "eligibility": "not eligible",
    "applicability": "makes no sense now",
    "suitability": "not right for this person",
    "validity": "not valid on that day",
    "conflict": "in conflict with what is on offer",
    "cooldown": "its category rests",
    "release": "over by the time at which it could go out, or put off too often",
    "model_missing": "a model that it needs did not answer",
    "threshold": "not worth it",
}
TO_PERSON: Final = {
    "best": "It was the one that promised to be of most use.",
    "explore": "It was picked by lot among some that promised about the same use, so that we learn.",
    "holdout": "You belong to a small group that gets no promotions, so that we can measure what they change.",
    "deferred": "It was not the time to speak to you. We think about it again then.",
    "consent": "You have not agreed to be contacted there.",
}
FLAGS: Final = {
    "prior": "{} had no calibrated answer yet: the policy's prior stood in for it.",
    "degraded": "{} was asked and gave no answer: the policy's prior, or no change, stood in for it.",
    "assumed_increment": "How much of {} we cause is assumed, not measured yet.",
}


def tell(policy: Policy, decision: Decision, verdict: Verdict, reader: str = "agent") -> str:
    """Return a decision in words for a reader: person, agent or auditor."""
    return READERS[reader](policy, decision, verdict)


def _for_person(policy: Policy, decision: Decision, verdict: Verdict) -> str:
    when = instant(decision.decided_at, verdict.snapshot.zone or policy.zone)
    if verdict.chosen < 0:
        why = TO_PERSON.get(verdict.reason or "", "Nothing we could have offered was right at that moment.")
        return f"On {when} we decided to leave you alone.\n{why}\n"
    candidates = policy.points[verdict.decision_point].board.candidates
    chosen = candidates[verdict.chosen]
    drawn = TO_PERSON[verdict.source]
    return (
        f"On {when} we chose {chosen.action_id} for you, by {chosen.channel_id}.\n"
        f"{len(verdict.feasible)} of {len(candidates)} possibilities were open. {drawn}\n"
    )


def _for_agent(policy: Policy, decision: Decision, verdict: Verdict) -> str:
    point = policy.points[verdict.decision_point]
    standings = expand(point, verdict)
    lines = [*_head(policy, decision, verdict), "", *_why(policy, point, verdict, standings)]
    lines += _rivals(policy, verdict, standings)
    lines += ["", "Why not the others", *_why_not(policy, point, verdict, standings)]
    lines += _what_if(policy, point, verdict, standings)
    if verdict.flags:
        lines += ["", "To bear in mind", *(f"  {_note(flag)}" for flag in verdict.flags)]
    return "\n".join(lines) + "\n"


def _note(flag: str) -> str:
    kind, _, name = flag.partition(":")
    return FLAGS[kind].format(name)


def _for_auditor(policy: Policy, decision: Decision, verdict: Verdict) -> str:
    standings = expand(policy.points[verdict.decision_point], verdict)
    lines = [_for_agent(policy, decision, verdict), "Models"]
    for reading in verdict.snapshot.readings:
        version, calibrator = reading.version or "(no version)", reading.calibrator_id or "no calibrator"
        lines.append(f"  {reading.model} {version}: {reading.status}, {calibrator}, outputs {reading.outputs}")
    lines += ["", "All candidates"]
    for standing in standings:
        failed = ", ".join(failure.filter for failure in standing.failures) or "feasible"
        score = money(standing.score.score_micro, policy.currency) if standing.score else "not scored"
        lines.append(f"  {standing.candidate.treatment_id}: {failed}; {score}; q {standing.q}/{WHOLE}")
    lines += [
        "",
        f"Draw {verdict.u}/{WHOLE}, salt {policy.exploration.salt}; holdout bucket {verdict.snapshot.bucket}/10000.",
        f"Policy {verdict.policy_hash}.",
        f"Partition {decision.partition}, step {decision.step}, record {decision.hash.hex()}.",
    ]
    return "\n".join(lines) + "\n"


READERS: Final[dict[str, Callable[[Policy, Decision, Verdict], str]]] = {
    "person": _for_person,
    "agent": _for_agent,
    "auditor": _for_auditor,
}


def _head(policy: Policy, decision: Decision, verdict: Verdict) -> list[str]:
    zone = verdict.snapshot.zone or policy.zone
    return [
        f"Decision {verdict.decision_id}",
        f"  person      {decision.profile_id}",
        f"  asked at    {verdict.decision_point}, because of {decision.trigger_type} {decision.trigger_event_id}",
        f"  decided at  {instant(verdict.decided_at, zone)} ({zone})",
        f"  policy      {policy.name} {verdict.policy_hash[:12]}",
        *(
            ()
            if verdict.snapshot.profile_id
            else ("  erased      what is personal in this record can be read no more",)
        ),
    ]


def _why(policy: Policy, point: Point, verdict: Verdict, standings: list[Standing]) -> list[str]:
    """Say what was chosen, how the draw went, and what its score is made of."""
    if verdict.winner < 0:
        return [f"No action: {_no_action(point, verdict)}."]
    candidate = standings[verdict.winner].candidate
    scores = dict(zip(verdict.scored, verdict.scores_micro, strict=True))
    best = max(verdict.explored, key=lambda index: (scores[index], standings[index].q))
    share = percent(verdict.selection_q * PPB // WHOLE)
    if len(verdict.feasible) == 1:
        drawn = "It was the only one that was worth it."
    elif verdict.source != EXPLORE and candidate.index == best:
        drawn = f"It was the best of {len(verdict.feasible)} that were worth it, taken in {share} of cases."
    else:
        best_id = standings[best].candidate.treatment_id
        drawn = f"It was drawn to explore, which happens to it in {share} of cases; the best was {best_id}."
    return [
        _fate(policy, point, verdict, candidate),
        drawn,
        *_contributions(policy, point, verdict, candidate),
    ]


def _fate(policy: Policy, point: Point, verdict: Verdict, candidate: Candidate) -> str:
    """Say what becomes of the candidate that was drawn."""
    name = f"{candidate.action_id} by {candidate.channel_id} ({candidate.treatment_id})"
    if verdict.ghost >= 0:
        return f"No action: holdout. This person gets no promotions, so that we can measure; otherwise {name}."
    seen, now = verdict.snapshot, verdict.decided_at
    at = release_at(point.board, seen.released_at, candidate.index, now) if seen.profile_id else now
    when = instant(at, seen.zone or policy.zone)
    if verdict.deferred >= 0:
        until = f"until {when}" if at > now else "for its time"
        return f"No action yet: {name} waits {until}, and what is best then is decided again."
    return f"Chosen: {name}." if at == now else f"Chosen: {name}, to go out at {when}."


def _contributions(policy: Policy, point: Point, verdict: Verdict, candidate: Candidate) -> list[str]:
    """Say what a score is made of, in money."""
    score = score_of(point.board, verdict, candidate.index)
    propensities = Estimates(point.board, verdict.snapshot.readings).propensities
    outcomes = next(action.values_micro for action in policy.actions if action.id == candidate.action_id)
    lines = ["", f"What speaks for it ({policy.currency})"]
    for outcome, (column, value) in zip(outcomes, candidate.values, strict=True):
        said = f"{percent(propensities[column])} likely, at {money(value, '')}: its worth times the share that we cause"
        lines.append(_contribution(outcome, _amount(propensities[column] * value // PPB), said))
    m = score.context_ppm * (score.lever_ppm * score.meta_ppm // PPM) // PPM
    factors = f"context {times(score.context_ppm)}, lever {times(score.lever_ppm)}, meta-model {times(score.meta_ppm)}"
    return [
        *lines,
        _contribution("cost", _amount(-score.cost_micro), "delivery, content, and the offer where it is taken"),
        _contribution("fatigue", _amount(-score.fatigue_micro), f"what {candidate.channel_id} has carried lately"),
        _contribution("factor", f"{times(m):>10}", factors),
        _contribution("score", _amount(score.score_micro), f"acted on above {money(candidate.threshold_micro, '')}"),
    ]


def _contribution(name: str, amount: str, said: str) -> str:
    return f"  {name:<12}{amount}   {said}"


def _amount(micro: int) -> str:
    return f"{money(micro, ''):>10}"


def _no_action(point: Point, verdict: Verdict) -> str:
    reason = verdict.reason or ""
    if reason == "threshold":
        return f"none of the {len(verdict.scored)} candidates left was worth it"
    if reason.startswith(CONTACT):
        return f"the contact rule {reason.removeprefix(CONTACT)} left none of {point.board.size} candidates"
    return f"{REFUSALS[reason]} (the first filter that left none of {point.board.size} candidates)"


def _rivals(policy: Policy, verdict: Verdict, standings: list[Standing]) -> list[str]:
    """Say which others were feasible, and by how much they were behind."""
    if verdict.winner < 0:
        return []
    scores = dict(zip(verdict.scored, verdict.scores_micro, strict=True))
    ranked = sorted(verdict.feasible, key=lambda index: (-scores[index], index))
    ranked.remove(verdict.winner)
    if not ranked:
        return []
    lines = ["", "Rivals"]
    for index in ranked[:RIVALS_MAX]:
        gap = verdict.score_micro - scores[index]
        behind = f"{money(gap, policy.currency)} behind" if gap >= 0 else f"{money(-gap, policy.currency)} ahead"
        lines.append(f"  {standings[index].candidate.treatment_id}: {behind}")
    if len(ranked) > RIVALS_MAX:
        lines.append(f"  and {len(ranked) - RIVALS_MAX} more, further behind")
    return lines


def _why_not(policy: Policy, point: Point, verdict: Verdict, standings: list[Standing]) -> list[str]:
    """Say of every candidate that was refused what refused it first, those with the same reason together."""
    reasons: dict[str, list[str]] = {}
    for standing in standings:
        if standing.failures:
            said = _refusal(policy, point, verdict, standing, standing.failures[0])
            reasons.setdefault(said, []).append(standing.candidate.treatment_id)
    if not reasons:
        return ["  Every other candidate was worth it, but less."]
    return [f"  {', '.join(treatments)}: {said}" for said, treatments in reasons.items()]


def _what_if(policy: Policy, point: Point, verdict: Verdict, standings: list[Standing]) -> list[str]:
    """Say which single change would have had another candidate be the best, those that were nearest first."""
    would = Counterfactual(point, verdict)
    by_index = dict(zip(verdict.scored, verdict.scores_micro, strict=True))
    best = max(verdict.feasible, key=by_index.__getitem__, default=-1)
    nearest = sorted(by_index.keys() - {best}, key=lambda index: (-by_index[index], index))
    lines = []
    for index in (*nearest, *(index for index in range(len(standings)) if index not in by_index)):
        flip = next((one for one in would.flips(index) if one.gap_micro > 0), None)
        if flip is not None:
            said = _change(policy, point, verdict, standings[index], flip)
            lines.append(f"  {standings[index].candidate.treatment_id} would have been the best {said}")
    return ["", "What would have changed it", *lines[:RIVALS_MAX]] if lines else []


def _change(policy: Policy, point: Point, verdict: Verdict, standing: Standing, flip: Flip) -> str:
    if flip.kind == LIFTED:
        return f"but for this: {_refusal(policy, point, verdict, standing, standing.failures[0])}"
    if flip.kind == LEVERED:
        return f"with a lever of {times(flip.after)}, not {times(flip.before)}"
    action = next(action for action in policy.actions if action.id == standing.candidate.action_id)
    outcome = list(action.values_micro)[int(flip.name)]
    return f"if {outcome} were {percent(flip.after)} likely, not {percent(flip.before)}"


def _refusal(policy: Policy, point: Point, verdict: Verdict, standing: Standing, failure: Failure) -> str:
    candidate = standing.candidate
    if failure.filter.startswith(CONTACT):
        rule = failure.filter.removeprefix(CONTACT)
        seen = f"{failure.observed} in its window, " if verdict.snapshot.profile_id else ""
        return f"contact rule {rule}: {seen}limit {failure.limit}"
    said = REFUSALS[failure.filter]
    if failure.filter == "threshold":
        score, threshold = money(failure.observed, policy.currency), money(failure.limit, policy.currency)
        return f"{said}: its score of {score} is not above {threshold}"
    if failure.filter in ("eligibility", "applicability", "suitability"):
        action = next(action for action in policy.actions if action.id == candidate.action_id)
        stage = ("eligibility", "applicability", "suitability").index(failure.filter)
        return f"{said} ({failure.filter}: {action.conditions[stage]})"
    if failure.filter == "conflict":
        zone = verdict.snapshot.zone or policy.zone
        for offer in verdict.snapshot.offers:
            if refused_by_offer(point.board, offer) >> candidate.index & 1:
                return f"{said}: {offer.action} at {offer.price} until {instant(offer.until, zone)}"
    return said
