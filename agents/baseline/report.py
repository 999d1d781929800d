"""Both arms side by side, in words and as plain values."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from agents.baseline.arm import Arm
from agents.baseline.running import Both
from streams.decision.wording import money

WIDTH: Final = 44
COLUMN: Final = 18
LIMITS: Final = (
    "Uncoordinated: every team (intent) decides alone at every trigger. Consents, suppressions, quiet hours, holdout",
    "and thresholds bind it as they bind the policy; contact rules, conflicts and what rests do not.",
    "People did what they did: what followed is credited to the last contact before it, in both arms.",
)


def to_json(both: Both) -> dict[str, Any]:
    """Return all of it; money is in micro-units of the currency."""
    return {
        "range": both.said,
        "policy": both.policy,
        "currency": both.currency,
        "events": both.events,
        "coordinated": _plain(both.coordinated),
        "uncoordinated": _plain(both.uncoordinated),
        "seconds": round(both.seconds, 3),
    }


def to_text(both: Both) -> str:
    """Return it as a table, with what it cannot know."""
    one, other = both.coordinated, both.uncoordinated
    kinds = sorted(one.conflicts.keys() | other.conflicts.keys())

    def per(amount: int, count: int) -> str:
        return money(amount // count, both.currency) if count else "–"

    rows: list[tuple[str, str, str]] = [
        *((name, f"{getattr(one, field):,}", f"{getattr(other, field):,}") for name, field in (
            ("decisions", "decisions"), ("contacts", "contacts"), ("people reached", "people"),
        )),
        ("contacts a person reached", _share(one.contacts, one.people), _share(other.contacts, other.people)),
        ("most with one person", f"{one.most:,}", f"{other.most:,}"),
        ("most with one person in 7 days", f"{one.busiest_week:,}", f"{other.busiest_week:,}"),
        ("decided, refused before it was sent", f"{one.refused:,}", f"{other.refused:,}"),
        ("contacts that contradict an earlier one", f"{one.conflicting:,}", f"{other.conflicting:,}"),
        ("  conflict rate", f"{one.conflict_rate:.2%}", f"{other.conflict_rate:.2%}"),
        *((f"  {kind}", f"{one.conflicts[kind]:,}", f"{other.conflicts[kind]:,}") for kind in kinds),
        ("expected value of what went out", money(one.ev_micro, both.currency), money(other.ev_micro, both.currency)),
        ("cost of what went out", money(one.cost_micro, both.currency), money(other.cost_micro, both.currency)),
        ("conversions credited", f"{one.conversions:,}", f"{other.conversions:,}"),
        ("contacts a conversion", _share(one.contacts, one.conversions), _share(other.contacts, other.conversions)),
        ("cost a conversion", per(one.cost_micro, one.conversions), per(other.cost_micro, other.conversions)),
        ("value a conversion", per(one.value_micro, one.conversions), per(other.value_micro, other.conversions)),
        ("events on which a stage failed", f"{one.failed:,}", f"{other.failed:,}"),
    ]  # fmt: skip
    lines = [
        f"{both.events:,} events of {both.said} under {both.policy}, with coordination and without",
        "",
        _line("", "coordinated", "uncoordinated"),
        *(_line(*row) for row in rows),
        "",
        *LIMITS,
    ]
    return "\n".join(lines) + "\n"


def _plain(arm: Arm) -> dict[str, Any]:
    return {**asdict(arm), "conflicts": dict(arm.conflicts), "conflict_rate": arm.conflict_rate}


def _share(of: int, count: int) -> str:
    return f"{of / count:.2f}" if count else "–"


def _line(name: str, one: str, other: str) -> str:
    return f"{name:<{WIDTH}}{one:>{COLUMN}}{other:>{COLUMN}}".rstrip()
