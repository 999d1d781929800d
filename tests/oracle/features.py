"""Features, as their page has them: counted anew from all that was said of a person, each time one asks."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any, Final

from tests.oracle.bundle import Bundle, Told
from tests.oracle.words import DAY_MS, HOUR_MS, UNITS_MS, duration_ms

DISTINCT_MAX: Final = 256
KEYED_DISTINCT_MAX: Final = 32
TEXT_MAX: Final = 256

Value = Any  # int | str | bool | None
Fact = tuple[int, str, Value]  # when, event_id, what it tells


def typed(bundle: Bundle, kind: str, properties: Told) -> Told:
    """Return what an event tells as the rules read it: money in micro-units, what is not in the catalogue left out."""
    types = bundle.told["events"].get(kind, {}).get("properties", {})
    return {
        name: math.floor(value * 1_000_000 + 0.5) if types[name] == "money" else value
        for name, value in properties.items()
        if name in types
    }


class Facts:
    """What was said of one person, by event type, in the order of its time."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle: Final = bundle
        self._told: dict[str, list[tuple[int, str, Told]]] = {}

    def add(self, kind: str, at: int, event_id: str, properties: Told) -> None:
        """Take an accepted event, its properties typed."""
        facts = self._told.setdefault(kind, [])
        facts.insert(bisect_right(facts, (at, event_id), key=lambda one: one[:2]), (at, event_id, properties))

    def features(self, now: int) -> list[Value]:
        """Return the features at an instant, in the order of their names."""
        found: list[Value] = []
        for _, told in sorted(self._bundle.told["features"].items()):
            word = next(one for one in MEASURES if one in told)
            event, property_ = _subject(word, told[word])
            facts = self._told.get(event, [])
            if "window" in told:
                facts = _within(facts, duration_ms(told["window"]), now)
            if "by" not in told:
                found.append(MEASURES[word](_values(facts, property_), told, now))
                continue
            by_category: dict[Value, list[tuple[int, str, Told]]] = {}
            for fact in facts:
                by_category.setdefault(fact[2].get("category"), []).append(fact)
            found += [
                MEASURES[word](_values(by_category.get(category, []), property_), told, now)
                for category in self._bundle.categories
            ]
        return found


def _subject(word: str, told: str) -> tuple[str, str]:
    if word in ("count", "recency"):
        return told, ""
    event, _, property_ = told.rpartition(".")
    return event, property_


def _within(facts: list[tuple[int, str, Told]], window_ms: int, now: int) -> list[tuple[int, str, Told]]:
    """Return the facts of the panes that a window covers: those after the one in which it begins."""
    pane_ms = 60_000 if window_ms < DAY_MS else HOUR_MS if window_ms < 7 * DAY_MS else DAY_MS
    begins = ((now - window_ms) // pane_ms + 1) * pane_ms
    return facts[bisect_right(facts, begins - 1, key=lambda one: one[0]) :]


def _values(facts: list[tuple[int, str, Told]], property_: str) -> list[Fact]:
    if not property_:
        return [(at, event_id, 1) for at, event_id, _ in facts]
    told = [(at, event_id, properties.get(property_)) for at, event_id, properties in facts]
    return [
        (at, event_id, value[:TEXT_MAX] if isinstance(value, str) else value)
        for at, event_id, value in told
        if value is not None
    ]


def _count(facts: Sequence[Fact], told: Told, now: int) -> Value:
    return len(facts)


def _sum(facts: Sequence[Fact], told: Told, now: int) -> Value:
    return sum(value for _, _, value in facts)


def _distinct(facts: Sequence[Fact], told: Told, now: int) -> Value:
    return min(len({value for _, _, value in facts}), KEYED_DISTINCT_MAX if "by" in told else DISTINCT_MAX)


def _recency(facts: Sequence[Fact], told: Told, now: int) -> Value:
    return max(now - facts[-1][0], 0) // UNITS_MS[told["unit"]] if facts else None


def _last(facts: Sequence[Fact], told: Told, now: int) -> Value:
    return facts[-1][2] if facts else None


MEASURES: Final[dict[str, Callable[[Sequence[Fact], Told, int], Value]]] = {
    "count": _count, "sum": _sum, "distinct": _distinct, "recency": _recency, "last": _last,
}  # fmt: skip
