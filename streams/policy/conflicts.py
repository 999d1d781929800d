"""Conflicts: what must not be said to one person while something else is on offer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from streams.policy.quantities import UNITS_MS
from streams.policy.reading import Node

INTENTS: Final = ("retain", "winback", "upsell", "cross_sell", "collect", "service", "inform", "fraud")
COMMERCIAL: Final = frozenset({"retain", "winback", "upsell", "cross_sell"})
COOL_OFF_MS: Final = 72 * UNITS_MS["h"]

Pairs = frozenset[tuple[str, str]]  # both ways round


@dataclass(frozen=True, slots=True)
class Conflicts:
    """Which intents exclude each other, and how long an offer that has ended still does."""

    intents: Pairs
    intents_on_one_line: Pairs  # only where the product line is the same
    cool_off_ms: int


def read_conflicts(node: Node | None) -> Conflicts:
    """Read the `conflicts` section."""
    if node is None:
        return Conflicts(frozenset(), frozenset(), COOL_OFF_MS)
    record = node.record("section", (), ("intents", "intents_on_one_line", "cool_off"))
    return Conflicts(
        _pairs(record.fields.get("intents")),
        _pairs(record.fields.get("intents_on_one_line")),
        record.duration_ms("cool_off", COOL_OFF_MS),
    )


def _pairs(node: Node | None) -> Pairs:
    found: set[tuple[str, str]] = set()
    for item in node.items("pairs of intents") if node is not None else ():
        if not isinstance(item.value, list) or len(item.value) != 2:
            item.wrong(f"expected two intents, got {item.value!r}")
            continue
        one, other = (member.one_of("intent", INTENTS) for member in item.items("intents"))
        found |= {(one, other), (other, one)}
    return frozenset(found)
