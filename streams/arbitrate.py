"""Stage 4 of 7 — arbitrate: one closed round in, one decision out.

Reads   Round, Profile, contacts, policy.      Writes  Decision.
Keeps   contacts (what we sent, when).         Never   chooses without recording why.

The rules are in `streams/decision`; this stage gives them what one person's round has, and puts a head on what they
find.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from streams.decision import Occasion, Verdict, decide
from streams.ids import chained
from streams.policy import Candidate, Policy
from streams.records import Calibrator, Decision
from streams.rows import Contacts, ModelRow, Profile, Round


def calibrator_of(row: ModelRow | None, version: str) -> Calibrator | None:
    """Return the calibrator that was published with a version."""
    for known in row.versions if row else ():
        if known[1] == version and known[2]:
            return Calibrator(known[2], known[3], known[4])
    return None


def arbitrate(
    opened: Round,
    policy: Policy,
    profile: Profile,
    contacts: Contacts,
    models: Mapping[str, ModelRow | None],
    off: Sequence[str],
    clock: int,
) -> Verdict:
    """Return what the rules find; `models`: what is known of those that answered; `off`: what must not go out."""
    if off:  # recorded with what is suppressed for the person, so that a replay finds it there
        profile = replace(profile, suppressed=[*profile.suppressed, *off])
    calibrators = {name: calibrator_of(models[name], answer.version) for name, answer in opened.answers.items()}
    point = policy.points[opened.decision_point]
    occasion = Occasion(opened.round_id, opened.profile_id, clock, opened.deferrals)
    return decide(policy, point, profile, contacts, opened.features, opened.answers, calibrators, occasion)


def record(
    verdict: Verdict,
    opened: Round,
    candidates: Sequence[Candidate],
    activation_id: str,
    evidence: bytes,
    previous: bytes,
    place: tuple[int, int],
) -> Decision:
    """Return the decision record, chained to the partition's previous one.

    activation_id: what goes out, if anything does; place: partition and step.
    """
    chosen = candidates[verdict.chosen] if verdict.chosen >= 0 else None
    ghost = candidates[verdict.ghost] if verdict.ghost >= 0 else None
    return Decision(
        opened.round_id, opened.profile_id, opened.decision_point, opened.trigger_type, opened.trigger_event_id,
        opened.trigger_occurred_at, opened.opened_at, verdict.decided_at, *place, opened.policy_hash, verdict.source,
        chosen.action_id if chosen else None, chosen.treatment_id if chosen else None,
        chosen.channel_id if chosen else None, activation_id if chosen else None,
        ghost.action_id if ghost else None, verdict.reason, verdict.score_micro, verdict.selection_q, verdict.u,
        verdict.flags, evidence, previous, chained(previous, evidence),
    )  # fmt: skip
