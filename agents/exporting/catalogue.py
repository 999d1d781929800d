"""What published policies say of their actions, as two tables: to know what a contact was about."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from agents.errors import UserError
from streams.policy import Policy, PolicyRefused, compile_policy

FOLDER: Final = "catalogue"
ACTIONS: Final = pa.schema([
    ("policy_hash", pa.string()), ("action", pa.string()), ("category", pa.string()), ("intent", pa.string()),
    ("line", pa.string()), ("price", pa.string()), ("exclusivity_group", pa.string()), ("class", pa.string()),
    ("offer_days", pa.int32()), ("cool_off_ms", pa.int64()),
])  # fmt: skip
CONFLICTS: Final = pa.schema([
    ("policy_hash", pa.string()), ("intent", pa.string()), ("other", pa.string()), ("on_one_line", pa.bool_()),
])  # fmt: skip


def export_catalogue(bundles: Mapping[str, Mapping[str, Any]], to: Path) -> str:
    """Write what these bundles, by their hash, say; return a line about it."""
    folder = to / FOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error.strerror}") from error
    policies = [policy for _, bundle in sorted(bundles.items()) if (policy := _compiled(bundle)) is not None]
    actions = [row for policy in policies for row in _actions(policy)]
    conflicts = [row for policy in policies for row in _conflicts(policy)]
    for name, rows, schema in (("actions", actions, ACTIONS), ("conflicts", conflicts, CONFLICTS)):
        partial = folder / f"{name}.partial"
        pq.write_table(pa.Table.from_pylist(rows, schema), partial, compression="zstd")
        partial.replace(folder / f"{name}.parquet")
    return f"{FOLDER}: {len(actions):,} actions of {len(policies)} policies in {folder}"


def _compiled(bundle: Mapping[str, Any]) -> Policy | None:
    try:
        return compile_policy(bundle)
    except PolicyRefused:
        return None  # published by an earlier version, which knew other fields


def _actions(policy: Policy) -> list[dict[str, Any]]:
    return [
        {
            "policy_hash": policy.hash, "action": one.id, "category": one.category, "intent": one.intent,
            "line": one.line, "price": one.price, "exclusivity_group": one.group, "class": one.klass,
            "offer_days": one.offer_days, "cool_off_ms": policy.conflicts.cool_off_ms,
        }
        for one in policy.actions
    ]  # fmt: skip


def _conflicts(policy: Policy) -> list[dict[str, Any]]:
    told = policy.conflicts
    return [
        {"policy_hash": policy.hash, "intent": one, "other": other, "on_one_line": on_one_line}
        for pairs, on_one_line in ((told.intents, False), (told.intents_on_one_line, True))
        for one, other in sorted(pairs)
    ]
