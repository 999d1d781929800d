"""Decisions that were put off: what they are called, and what follows from them."""

from __future__ import annotations

from typing import Any

from tests.oracle.words import derived


def next_after(decision: dict[str, Any]) -> str:
    """Return the id of the decision that a deferred one leads to."""
    family, number = deferral_of(decision)
    return derived("decision", decision["decision_point"], "deferral", family, str(number + 1))


def activation_of(decision: dict[str, Any], slot: str) -> str:
    """Return the id of what goes out for a decision."""
    family, number = deferral_of(decision)
    return derived("activation", family, slot, str(number))


def deferral_of(decision: dict[str, Any]) -> tuple[str, int]:
    """Return the first decision of those that were put off, and how many there were before this one."""
    if decision["trigger_type"] != "deferral":
        return decision["decision_id"], 0
    family, _, number = decision["trigger_event_id"].rpartition("/")
    return family, int(number)
