"""Lineage of a model's version: what it learned from, what it takes, and the decisions that used it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

from agents.codecs.avro import decode_decision, decode_training_example
from agents.decisions import Archive
from agents.errors import UserError
from agents.lineage.versions import neighbours
from streams.decision import EvidenceUnreadable, unpack
from streams.decision.wording import instant
from streams.records import ModelVersion

Tree = dict[str, Any]


def find(versions: Sequence[ModelVersion], name: str) -> ModelVersion:
    """Return the version that `model/version` names; raises UserError with those that there are."""
    model, _, version = name.partition("/")
    found = next((one for one in versions if (one.model, one.version) == (model, version)), None)
    if found is None:
        mine = [one.version for one in versions if one.model == model]
        there = f"{model} has {', '.join(mine[-5:])}" if mine else f"models are {', '.join(_names(versions)) or 'none'}"
        raise UserError(f"there is no version {name}: {there}")
    return found


async def trace(archive: Archive, versions: Sequence[ModelVersion], one: ModelVersion) -> Tree:
    """Return what a version was made of, and what was made with it."""
    before, after = neighbours(versions, one)
    return {
        "version": {
            "model": one.model, "version": one.version, "kind": one.kind, "inputs": one.inputs,
            "trained_until": one.trained_until, "published_at": one.published_at,
            "calibrator_id": one.calibrator.calibrator_id if one.calibrator else None, "metrics": one.metrics,
            "before": before.version if before else None, "after": after.version if after else None,
        },
        "learned_from": await _learned(archive, one),
        "used_by": await _used(archive, one),
    }  # fmt: skip


def tell(tree: Tree, zone: str) -> str:
    """Return it in words."""
    one, learned, used = tree["version"], tree["learned_from"], tree["used_by"]
    metrics = ", ".join(f"{name} {value:.4g}" for name, value in one["metrics"].items())
    lines = [
        f"{one['model']}/{one['version']}, {one['kind']}, published {instant(one['published_at'], zone)}",
        f"  before: {one['before'] or 'none'}    after: {one['after'] or 'none'}",
        f"  inputs: {', '.join(one['inputs'])}",
        *([f"  of itself: {metrics}"] if metrics else []),
        "",
        f"Made of {learned['examples']:,} examples of {learned['decisions']:,} decisions",
    ]
    if learned["examples"]:
        lines.append(f"  decided {instant(learned['first_at'], zone)} to {instant(learned['last_at'], zone)}")
        lines += [f"  {count:,} under policy {name[:12]}" for name, count in learned["by_policy"].items()]
    lines += ["", f"Answered in {used['decisions']:,} decisions"]
    if used["decisions"]:
        lines.append(f"  decided {instant(used['first_at'], zone)} to {instant(used['last_at'], zone)}")
        lines += [f"  {count:,} {action}" for action, count in used["by_action"].items()]
    return "\n".join(lines)


async def _learned(archive: Archive, one: ModelVersion) -> Tree:
    times: list[int] = []
    decisions: set[str] = set()
    policies: Counter[str] = Counter()
    async with aclosing(archive.placed("retraining", decode_training_example, "", None, one.model)) as examples:
        async for record, example in examples:
            if record.offset >= one.next_offsets.get(f"{record.topic}/{record.partition}", 0):
                continue
            times.append(example.decided_at)
            decisions.add(example.decision_id)
            policies[example.policy_hash] += 1
    return {
        "examples": len(times), "decisions": len(decisions), "by_policy": dict(policies.most_common()),
        "first_at": min(times, default=0), "last_at": max(times, default=0),
    }  # fmt: skip


async def _used(archive: Archive, one: ModelVersion) -> Tree:
    times: list[int] = []
    actions: Counter[str] = Counter()
    async with aclosing(archive.said("decisions", decode_decision, one.version)) as decisions:
        async for decision in decisions:
            try:
                readings = unpack(decision.evidence, None).snapshot.readings
            except EvidenceUnreadable:
                continue
            if any((reading.model, reading.version) == (one.model, one.version) for reading in readings):
                times.append(decision.decided_at)
                actions[decision.action or f"no action ({decision.reason})"] += 1
    return {
        "decisions": len(times), "first_at": min(times, default=0), "last_at": max(times, default=0),
        "by_action": dict(actions.most_common()),
    }  # fmt: skip


def _names(versions: Sequence[ModelVersion]) -> list[str]:
    return sorted({one.model for one in versions})
