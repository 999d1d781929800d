"""Explains one decision: opens its evidence, checks its hash, tells it in words or as one JSON object."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final

from cryptography.exceptions import InvalidTag

from agents.committed import wait_partitions
from agents.decisions import Archive, Found, Progress
from agents.moment import Moment
from agents.policy_topic import Bundle, read_bundles
from agents.settings import Settings
from agents.vault import PersonalVault
from streams.decision import EvidenceUnreadable, Verdict, unpack
from streams.decision.expand import expand
from streams.decision.explain import tell
from streams.decision.verdict import WHOLE
from streams.decision.wording import instant, money, percent
from streams.ids import chained
from streams.policy import Policy, compile_policy
from streams.policy.quantities import PPB
from streams.topology import topic_name

NOTES: Final[dict[str, Callable[[dict[str, str]], str]]] = {
    "delivered": lambda _: "delivered",
    "rejected": lambda _: "rejected by the delivery channel",
    "deferral_dropped": lambda _: "not decided again: its decision point asks about this person no more",
    "late_answer": lambda told: f"{told.get('model')} answered when it was decided already ({told.get('status')})",
}


@dataclass(frozen=True)
class Explanation:
    """One decision as far as it can be read."""

    found: Found
    policy: Policy | None  # None = its bundle is not on the policy topic
    verdict: Verdict | None  # None = the evidence cannot be read
    is_intact: bool  # the recorded hash is that of the evidence
    remarks: list[str]  # what could not be read, and why

    @property
    def zone(self) -> str:
        """Return the time zone in which instants are told."""
        person = self.verdict.snapshot.zone if self.verdict else ""
        return person or (self.policy.zone if self.policy else "UTC")


async def look_up(
    settings: Settings, decision_id: str | None, profile_id: str | None, until: Moment | None, progress: Progress
) -> Explanation | None:
    """Return the decision of that id, or else the last one about a person until a moment; None if there is none."""
    archive = Archive(settings.bootstrap, settings.namespace, progress)
    await wait_partitions(settings.bootstrap, topic_name(settings.namespace, "policies"), 0)  # or it is said at once
    bundles, current = await read_bundles(settings.bootstrap, settings.namespace)
    if decision_id is not None:
        found = await archive.find(decision_id)
    else:
        zone = str(bundles.get(current, {}).get("zone", "UTC"))
        found = await archive.find_last(profile_id or "", until.last_ms(zone) if until else None)
    return explain(found, bundles) if found is not None else None


def explain(found: Found, bundles: dict[str, Bundle]) -> Explanation:
    """Return what can be read of a decision, given the bundles by hash."""
    decision = found.decision
    bundle = bundles.get(decision.policy_hash)
    verdict, remarks = _open(found)
    if bundle is None:
        remarks.append(f"The policy {decision.policy_hash} is not on the policy topic: only the record's head is told.")
    is_intact = chained(decision.previous_hash, decision.evidence) == decision.hash
    return Explanation(found, compile_policy(bundle) if bundle is not None else None, verdict, is_intact, remarks)


def to_text(explanation: Explanation, reader: str) -> str:
    """Return the decision in words for a reader: why this, why not the others, and what came later."""
    policy, verdict, decision = explanation.policy, explanation.verdict, explanation.found.decision
    told = tell(policy, decision, verdict, reader) if policy and verdict else _head(explanation)
    if reader == "person":
        return told
    lines = [told.rstrip("\n"), "", "What came later", *(f"  {line}" for line in _later(explanation)), ""]
    if explanation.is_intact:
        lines.append("The record is intact: its hash is that of the hash before it and its evidence.")
    else:
        lines.append(
            "THE RECORD WAS CHANGED: its hash is not that of the hash before it and its evidence.\n"
            f"  recorded  {decision.hash.hex()}\n"
            f"  computed  {chained(decision.previous_hash, decision.evidence).hex()}"
        )
    return "\n".join([*lines, *explanation.remarks]) + "\n"


def to_json(explanation: Explanation, reader: str) -> dict[str, Any]:
    """Return everything that is known of the decision as plain values; bytes are hex, instants epoch milliseconds."""
    found, policy, verdict = explanation.found, explanation.policy, explanation.verdict
    head = {name: value.hex() if isinstance(value, bytes) else value for name, value in asdict(found.decision).items()}
    return {
        "decision": head,
        "is_intact": explanation.is_intact,
        "policy": {"hash": policy.hash, "name": policy.name} if policy else None,
        "snapshot": _snapshot(policy, verdict) if policy and verdict else None,
        "candidates": _candidates(policy, verdict) if policy and verdict else None,
        "selection_probability": found.decision.q / WHOLE,
        "notes": [asdict(note) for note in found.notes],
        "rewards": [asdict(reward) for reward in found.rewards],
        "remarks": explanation.remarks,
        "text": to_text(explanation, reader),
    }


def _open(found: Found) -> tuple[Verdict | None, list[str]]:
    """Return the verdict, opened as far as the person's key reaches, and what could not be opened."""
    decision, key, vault = found.decision, found.key, PersonalVault()
    remarks: list[str] = []
    try:
        if key:
            try:
                return unpack(decision.evidence, lambda sealed, one: vault.open(key, sealed, one)), remarks
            except InvalidTag:
                remarks.append(
                    f"The key of {decision.profile_id} is not the one that sealed this: it was erased since."
                )
        else:
            remarks.append(f"The key of {decision.profile_id} is erased: what is personal here can be read no more.")
        return unpack(decision.evidence, None), remarks
    except EvidenceUnreadable as error:
        remarks.append(f"The evidence cannot be read: {error}. Only the record's head is told.")
        return None, remarks


def _head(explanation: Explanation) -> str:
    """Tell what the head says, where policy or evidence are missing."""
    decision, zone = explanation.found.decision, explanation.zone
    if decision.action is not None:
        chosen = f"Chosen: {decision.action} by {decision.delivery_channel} ({decision.treatment})."
    else:
        masked = f"; otherwise {decision.ghost_action}" if decision.ghost_action else ""
        chosen = f"No action: {decision.reason}{masked}."
    lines = [
        f"Decision {decision.decision_id}",
        f"  person      {decision.profile_id}",
        f"  asked at    {decision.decision_point}, because of {decision.trigger_type} {decision.trigger_event_id}",
        f"  decided at  {instant(decision.decided_at, zone)} ({zone})",
        f"  policy      {decision.policy_hash[:12]}",
        "",
        chosen,
        f"It was taken in {percent(decision.q * PPB // WHOLE)} of cases ({decision.source}).",
    ]
    if decision.flags:
        lines.append(f"Flags: {', '.join(decision.flags)}.")
    return "\n".join(lines) + "\n"


def _later(explanation: Explanation) -> list[str]:
    zone, policy = explanation.zone, explanation.policy
    currency = policy.currency if policy else ""
    lines = []
    for note in explanation.found.notes:
        said = NOTES[note.kind](note.details) if note.kind in NOTES else f"{note.kind} {note.details}"
        lines.append(f"{instant(note.noted_at, zone)}  {said}")
    for reward in explanation.found.rewards:
        times = "never happened" if reward.outcomes == 0 else f"happened {reward.outcomes}×"
        worth = f", worth {money(reward.value_micro, currency)}" if reward.value_micro else ""
        until = "for good" if reward.status == "final" else "so far"
        lines.append(f"{instant(reward.rewarded_at, zone)}  {reward.outcome} {times}{worth} ({until})")
    return lines or ["nothing yet"]


def _snapshot(policy: Policy, verdict: Verdict) -> dict[str, Any]:
    told = asdict(verdict.snapshot)
    names = policy.features.names
    told["features"] = dict(zip(names, verdict.snapshot.features, strict=True)) if verdict.snapshot.features else {}
    return told


def _candidates(policy: Policy, verdict: Verdict) -> list[dict[str, Any]]:
    """Return how each candidate fared, the chosen one marked."""
    return [
        {
            "treatment": standing.candidate.treatment_id,
            "action": standing.candidate.action_id,
            "delivery_channel": standing.candidate.channel_id,
            "is_chosen": standing.candidate.index == verdict.chosen,
            "is_ghost": standing.candidate.index == verdict.ghost,
            "failures": [asdict(failure) for failure in standing.failures],
            "score": asdict(standing.score) if standing.score else None,
            "q": standing.q,
        }
        for standing in expand(policy.points[verdict.decision_point], verdict)
    ]
