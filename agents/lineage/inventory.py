"""Inventory: what a policy decides with, who answers for it, what it reads, and what it has cost."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from agents.lineage.text import table
from agents.lineage.usage import Usage
from streams.decision.wording import instant, money
from streams.policy import Model, Policy
from streams.records import ModelVersion
from streams.topology import TOPICS

Item = dict[str, Any]
SECTIONS: Final = ("models", "features", "decision_points", "actions", "delivery_channels", "events", "flows")


def take(
    policy: Policy, bundle: Mapping[str, Any], versions: Iterable[ModelVersion], usage: Mapping[str, Usage] | None
) -> dict[str, list[Item]]:
    """Return the inventory by section; usage: what models were asked for, None = that was not looked at."""
    newest: dict[str, ModelVersion] = {}
    for version in versions:
        if version.model not in newest or version.trained_until >= newest[version.model].trained_until:
            newest[version.model] = version
    return {
        "models": [_model(one, policy, newest.get(one.name), usage) for _, one in sorted(policy.models.items())],
        "features": [
            {"name": name, "is": _plain(told), "read_by": _readers(name, policy)}
            for name, told in sorted(bundle["features"].items())
        ],
        "decision_points": [
            {
                "name": point.name, "owner": point.owner, "trigger": point.trigger, "when": point.when,
                "models": [model.name for model in point.models],
                "actions": sorted(action.id for action in policy.actions if point.name in action.points),
            }
            for _, point in sorted(policy.points.items())
        ],
        "actions": [
            {
                "id": one.id, "owner": one.owner, "category": one.category, "intent": one.intent, "class": one.klass,
                "delivery_channels": sorted({treatment.channel for treatment in one.treatments}),
                "valid_from": one.valid_from, "valid_to": one.valid_to,
            }
            for one in policy.actions
        ],
        "delivery_channels": [
            {
                "id": one.id, "owner": one.owner, "deliver": one.provider.kind, "cost_micro": one.cost_micro,
                "consent": one.consent, "send_time": one.send_time,
            }
            for _, one in sorted(policy.channels.items())
        ],
        "events": [
            {
                "type": name, "properties": dict(kind.properties),
                "triggers": [point.name for point in policy.points_by_trigger.get(name, ())],
                "features": _fed(name, policy),
            }
            for name, kind in sorted(policy.events.items())
        ],
        "flows": [
            {"topic": topic.noun, "from": topic.written_by.split(", "), "to": topic.read_by.split(", ")}
            for topic in TOPICS
        ],
    }  # fmt: skip


def told(inventory: Mapping[str, list[Item]], policy: Policy) -> str:
    """Return it as tables for a person."""
    parts = [f"{policy.name} {policy.hash[:12]}, in {policy.currency}, {policy.zone}"]
    for section in SECTIONS:
        rows = [{name: _cell(name, value, policy) for name, value in item.items()} for item in inventory[section]]
        parts.append(f"{section.replace('_', ' ')} ({len(rows)})\n{table(rows)}")
    return "\n\n".join(parts)


def _model(model: Model, policy: Policy, version: ModelVersion | None, usage: Mapping[str, Usage] | None) -> Item:
    found: Item = {
        "name": model.name, "owner": model.owner, "gives": model.gives, "role": model.role, "outcome": model.outcome,
        "serves": "inline" if model.inline else "topic", "inputs": list(model.inputs),
        "decision_points": [name for name, point in sorted(policy.points.items()) if model in point.models],
        "version": version.version if version else "", "trained_until": version.trained_until if version else 0,
        "has_trainer": model.has_trainer,
    }  # fmt: skip
    if usage is not None:
        mine = usage.get(model.name, Usage())
        answered = sum(mine.answers.values())
        found |= {
            "answers": dict(sorted(mine.answers.items())), "cost_micro": mine.cost_micro,
            "latency_ms": round(mine.latency_ms / answered, 1) if answered else 0,
        }  # fmt: skip
    return found


def _fed(event: str, policy: Policy) -> list[str]:
    """Return the features that events of a type are folded into."""
    feeds = {series.key for series in policy.features.by_event.get(event, ())}
    return sorted({column.name for column in policy.features.columns if column.series.key in feeds})


def _readers(feature: str, policy: Policy) -> list[str]:
    """Return what reads a feature: models by their inputs, actions and points by their conditions."""
    models = [name for name, model in policy.models.items() if feature in {one.split(".")[0] for one in model.inputs}]
    asked = [(action.id, " ".join(action.conditions)) for action in policy.actions]
    asked += [(point.name, point.when) for point in policy.points.values()]
    return sorted(models) + sorted(name for name, condition in asked if feature in re.findall(r"\w+", condition))


def _plain(told: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in told.items())


def _cell(name: str, value: Any, policy: Policy) -> str:
    if name in ("trained_until", "valid_from", "valid_to"):
        return instant(value, policy.zone) if value else ""
    if name == "cost_micro":
        return money(value, policy.currency)
    if isinstance(value, dict):
        return ", ".join(f"{key}: {one}" for key, one in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
