"""Series and columns: one declaration of the `features` section, read and checked."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from keyword import iskeyword
from typing import Any, Final

from streams.policy.events import EventType
from streams.policy.problems import Problem, expected_one_of
from streams.policy.quantities import UNITS_MS, duration_ms

MINUTE_MS: Final = UNITS_MS["m"]
HOUR_MS: Final = UNITS_MS["h"]
DAY_MS: Final = UNITS_MS["d"]
WINDOW_MS_MAX: Final = 400 * DAY_MS  # a year and the season before it; 400 panes
AHEAD_MS: Final = 5 * MINUTE_MS  # of the clock, for an event: a window may end this long before the newest pane
KEY: Final = "category"  # the property that keyed features are kept by

_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Measure:
    """What a declaration's first word asks for."""

    kind: str  # tally | distinct | recency | last: how its series is laid out
    takes: frozenset[str]  # types of the property it measures; empty = it measures the event itself
    needs: str  # window | unit | "": the key that must stand beside it


MEASURES: Final = {
    "count": Measure("tally", frozenset(), "window"),
    "sum": Measure("tally", frozenset({"int", "money"}), "window"),
    "distinct": Measure("distinct", frozenset({"string", "int"}), "window"),
    "recency": Measure("recency", frozenset(), "unit"),
    "last": Measure("last", frozenset({"string", "int", "bool", "money"}), ""),
}
FEATURE_TYPES: Final = {"string": "str", "int": "int", "money": "int", "bool": "bool"}


@dataclass(frozen=True, slots=True)
class Series:
    """What is kept of one event type for one measure."""

    key: str  # in rows.Profile.series
    kind: str
    property: str  # "" = the event itself
    is_keyed: bool
    pane_ms: int  # 0 = no panes
    panes_max: int  # newest pane included


@dataclass(frozen=True, slots=True)
class Column:
    """One declared feature, as it is read from its series."""

    name: str
    series: Series
    window: str  # its name in ShardRow.complete_from
    window_ms: int  # 0 = none
    unit_ms: int  # of a recency, else 0
    type: str  # int | str | bool

    def begins_at(self, now: int) -> int:
        """Return the first instant that the window covers at `now`."""
        pane_ms = self.series.pane_ms
        return ((now - self.window_ms) // pane_ms + 1) * pane_ms if pane_ms else 0


class Declaration:
    """One entry of the section while it is read."""

    def __init__(
        self, name: str, body: dict[str, Any], events: Mapping[str, EventType], problems: list[Problem]
    ) -> None:
        self.name: Final = name
        self.body: Final = body
        self.events: Final = events
        self.problems: Final = problems

    def read(self, has_catalogue: bool) -> tuple[str, str, Column] | None:
        """Return the event type, what its series means and the column; None if anything is wrong."""
        before = len(self.problems)
        if not _NAME.fullmatch(self.name) or iskeyword(self.name):
            self._wrong("", f"expected a name of lower-case letters, digits and _ (and no keyword), got {self.name!r}")
        words = [word for word in MEASURES if word in self.body]
        if len(words) != 1:
            self._wrong("", f"expected exactly one of {', '.join(MEASURES)}, got {', '.join(words) or 'none'}")
            return None
        word = words[0]
        measure = MEASURES[word]
        for key in self.body:
            if key not in (word, measure.needs, "by"):
                self._wrong(key, f"unknown beside {word}: expected {' and '.join(filter(None, (measure.needs, 'by')))}")
        event, prop, prop_type = self._subject(word, measure)
        is_keyed = "by" in self.body
        if is_keyed:
            self._check_key(event, has_catalogue)
        window_ms = self._window_ms() if measure.needs == "window" else 0
        unit_ms = self._unit_ms() if measure.needs == "unit" else 0
        if len(self.problems) > before:
            return None
        pane_ms = pane_width(window_ms)
        meaning = "|".join((event, word, f"{prop}:{prop_type}", KEY if is_keyed else "", str(pane_ms)))
        panes_max = -(-window_ms // pane_ms) - (-AHEAD_MS // pane_ms) if pane_ms else 0
        series = Series(short_key(meaning), measure.kind, prop, is_keyed, pane_ms, panes_max)
        type_ = FEATURE_TYPES[prop_type] if measure.kind == "last" else "int"
        return event, meaning, Column(self.name, series, f"{meaning}|{window_ms}", window_ms, unit_ms, type_)

    def _wrong(self, key: str, message: str) -> None:
        self.problems.append(Problem(("features", self.name, key) if key else ("features", self.name), message))

    def _subject(self, word: str, measure: Measure) -> tuple[str, str, str]:
        """Read `event` or `event.property`; return the event type, the property and its type."""
        told = self.body[word]
        event, dot, prop = str(told).rpartition(".") if measure.takes else (str(told), ".", "")
        if not dot:
            self._wrong(word, f"expected event.property, got {told!r}")
        elif event not in self.events:
            self._wrong(word, f"unknown event type {event!r}: {expected_one_of(self.events, event)}")
        elif measure.takes:
            properties = self.events[event].properties
            if prop not in properties:
                self._wrong(word, f"{event} has no property {prop!r}: {expected_one_of(properties, prop)}")
            elif properties[prop] not in measure.takes:
                self._wrong(word, f"{prop} is a {properties[prop]}: {word} takes {' or '.join(sorted(measure.takes))}")
            else:
                return event, prop, properties[prop]
        return event, "", ""

    def _check_key(self, event: str, has_catalogue: bool) -> None:
        if self.body["by"] != KEY:
            self._wrong("by", f"expected {KEY}, got {self.body['by']!r}")
        elif not has_catalogue:
            self._wrong("by", "the policy has no categories")
        elif event in self.events and self.events[event].properties.get(KEY) != "string":
            self._wrong("by", f"{event} has no property {KEY} of type string")

    def _window_ms(self) -> int:
        told = self.body.get("window")
        window_ms = duration_ms(told) or 0
        if window_ms % MINUTE_MS or not 0 < window_ms <= WINDOW_MS_MAX:
            self._wrong("window", f"expected a number and d, h or m, at most {WINDOW_MS_MAX // DAY_MS}d, got {told!r}")
        return window_ms

    def _unit_ms(self) -> int:
        told = self.body.get("unit")
        unit_ms = UNITS_MS.get(told, 0) if isinstance(told, str) else 0
        if not unit_ms:
            self._wrong("unit", f"expected {', '.join(UNITS_MS)}, got {told!r}")
        return unit_ms


def pane_width(window_ms: int) -> int:
    """Return the width of the panes that a window is counted in; 0 for no window."""
    if not window_ms:
        return 0
    return DAY_MS if window_ms >= 7 * DAY_MS else HOUR_MS if window_ms >= DAY_MS else MINUTE_MS


def short_key(meaning: str) -> str:
    """Return 8 hex digits that stand for a text: a person's row repeats them for every series."""
    return hashlib.sha256(meaning.encode()).hexdigest()[:8]
