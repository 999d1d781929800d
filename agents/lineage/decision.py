"""Lineage of a decision: what it was made of, and what was made of it, each with the name by which it is found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from agents.codecs.avro import decode_activation, decode_event, decode_outcome, decode_training_example
from agents.decisions import Archive
from agents.explaining import Explanation
from agents.lineage.text import table
from agents.lineage.versions import first_to_learn
from streams.decision.wording import instant, money
from streams.policy import Policy
from streams.records import ModelVersion

Tree = dict[str, Any]
BEFORE: Final = ("trigger", "events_before", "policy", "models")
AFTER: Final = ("activation", "notes", "outcomes", "rewards", "examples")
TIMES: Final = ("occurred_at", "trained_until", "published_at", "noted_at", "final_at")


async def trace(archive: Archive, explanation: Explanation, versions: Sequence[ModelVersion]) -> Tree:
    """Return what is behind a decision and what came of it."""
    found, policy = explanation.found, explanation.policy
    decision, person = found.decision, found.decision.profile_id
    events = [event async for event in archive.said("events", decode_event, person, of=person)]
    mine = [event for event in events if event.profile_id == person and event.accepted_at <= decision.decided_at]
    trigger = next((event for event in mine if event.event_id == decision.trigger_event_id), None)
    one = decision.decision_id
    activations = [told async for told in archive.said("activations", decode_activation, one, of=person)]
    outcomes = [told async for told in archive.said("outcomes", decode_outcome, one, of=person)]
    return {
        "decision": {
            "decision_id": one, "profile_id": person, "decision_point": decision.decision_point,
            "decided_at": decision.decided_at, "action": decision.action, "reason": decision.reason,
            "hash": decision.hash.hex(), "is_intact": explanation.is_intact,
        },
        "trigger": {
            "event_id": decision.trigger_event_id, "type": decision.trigger_type,
            "occurred_at": decision.trigger_occurred_at, "source": trigger.source if trigger else None,
            "traceparent": trigger.traceparent if trigger else None,
        },
        "events_before": len(mine) - (trigger is not None),
        "policy": {"hash": decision.policy_hash, "name": policy.name if policy else None},
        "models": _models(explanation, policy, versions),
        "activation": next(({"activation_id": told.activation_id, "delivery_channel": told.delivery_channel}
                            for told in activations if told.decision_id == one), None),
        "notes": [{"kind": note.kind, "noted_at": note.noted_at} for note in found.notes],
        "outcomes": [
            {"outcome_id": told.outcome_id, "type": told.type, "event_id": told.event_id,
             "occurred_at": told.occurred_at, "value_micro": told.value_micro}
            for told in outcomes if told.decision_id == one
        ],
        "rewards": [
            {"reward_id": told.reward_id, "outcome": told.outcome, "status": told.status,
             "value_micro": told.value_micro}
            for told in found.rewards
        ],
        "examples": await _examples(archive, one, person, policy, versions),
    }  # fmt: skip


def tell(tree: Tree, policy: Policy | None) -> str:
    """Return it in words, what was before above what came after."""
    zone, currency = (policy.zone, policy.currency) if policy else ("UTC", "")
    head = tree["decision"]
    chosen = head["action"] or f"no action ({head['reason']})"
    lines = [f"{head['decision_id']} at {head['decision_point']}: {chosen}", "", "Made of"]
    lines += [line for name in BEFORE for line in _section(name, tree[name], zone, currency)]
    lines += ["", "What came of it"]
    lines += [line for name in AFTER for line in _section(name, tree[name], zone, currency)]
    return "\n".join(lines)


def _models(explanation: Explanation, policy: Policy | None, versions: Sequence[ModelVersion]) -> list[Tree]:
    readings = explanation.verdict.snapshot.readings if explanation.verdict else []
    known = {(version.model, version.version): version for version in versions}
    found = []
    for reading in readings:
        version = known.get((reading.model, reading.version))
        declared = policy.models.get(reading.model) if policy else None
        found.append({
            "model": reading.model, "version": reading.version, "status": reading.status,
            "kind": version.kind if version else None, "calibrator_id": reading.calibrator_id or None,
            "trained_until": version.trained_until if version else None,
            "published_at": version.published_at if version else None,
            "inputs": list(declared.inputs) if declared else [],
        })  # fmt: skip
    return found


async def _examples(
    archive: Archive, decision_id: str, person: str, policy: Policy | None, versions: Sequence[ModelVersion]
) -> list[Tree]:
    found = []
    for model in sorted(policy.models) if policy else ():
        placed = archive.placed("retraining", decode_training_example, decision_id, person, model)
        async for record, example in placed:
            if example.decision_id != decision_id:
                continue
            learned = first_to_learn(versions, model, f"{record.topic}/{record.partition}", record.offset)
            found.append({
                "model": model, "example_id": example.example_id, "key": example.key, "label": example.label,
                "final_at": example.final_at, "learned_by": learned.version if learned else None,
            })  # fmt: skip
    return found


def _section(name: str, told: Any, zone: str, currency: str) -> list[str]:
    """Return what is told of one part of the tree, one thing a line."""
    title = name.replace("_", " ")
    if told is None or told == []:
        return [f"  {title}: none"]
    if isinstance(told, int):
        return [f"  {title}: {told}"]
    if isinstance(told, dict):
        cells = [f"{key.replace('_', ' ')} {text}" for key, text in _cells(told, zone, currency).items() if text]
        return [f"  {title}: {', '.join(cells)}"]
    return [f"  {title}", *(f"  {line}" for line in table([_cells(row, zone, currency) for row in told]).splitlines())]


def _cells(row: Mapping[str, Any], zone: str, currency: str) -> dict[str, str]:
    return {name: _cell(name, value, zone, currency) for name, value in row.items()}


def _cell(name: str, value: Any, zone: str, currency: str) -> str:
    if value is None or value in ([], ""):
        return ""
    if name in TIMES:
        return instant(value, zone)
    if name == "value_micro":
        return money(value, currency)
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
