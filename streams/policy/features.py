"""Features: the `features` section of a policy, compiled to the series that are kept and the columns read from them.

Theory of operation.  A *series* is what a person's row keeps of one event type for one measure; a *column* is one
declared feature, read from a series.  A windowed series is kept in panes of one fixed width, chosen by the window
alone, so a feature's value never depends on what else is declared; features that agree in event type, measure, key and
pane width share a series.  A series is named by a hash of everything that its contents mean: a row written under one
policy is understood under the next, and what changed its meaning starts anew.  Nothing depends on the order of
declarations, for the bundle that comes back from the policy topic may have another.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from streams.policy.events import EventType
from streams.policy.problems import Problem

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS
UNITS_MS: Final = {"d": DAY_MS, "h": HOUR_MS, "m": MINUTE_MS, "s": 1_000}
WINDOW_MS_MAX: Final = 400 * DAY_MS  # a year and the season before it; 400 panes
AHEAD_MS: Final = 5 * MINUTE_MS  # of the clock, for an event: a window may end this long before the newest pane
KEY: Final = "category"  # the property that keyed features are kept by

_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_WINDOW: Final = re.compile(r"([1-9][0-9]{0,5})([dhm])")


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
    window: str  # name under which a shard notes from when this window is complete (ShardRow.complete_from)
    window_ms: int  # 0 = none
    unit_ms: int  # of a recency, else 0
    type: str  # int | str | bool


@dataclass(frozen=True, slots=True)
class Features:
    """The compiled section."""

    names: list[str]  # what compute() gives, in its order: by declared name, keyed ones as `name.category`
    types: dict[str, str]  # by name: int | str | bool
    keyed: dict[str, str]  # type by declared name of the features that have a value per category
    columns: tuple[Column, ...]
    categories: tuple[str, ...]  # sorted
    category_set: frozenset[str]
    category_keys: tuple[str, ...]  # their names in ShardRow.complete_from
    by_event: dict[str, tuple[Series, ...]]  # what an event of a type feeds
    series: dict[str, Series]  # by key
    layout: str  # changes when a row may hold what this policy no longer keeps
    zone_types: frozenset[str]  # event types that tell a person's zone
    zones: frozenset[str] | None  # valid IANA names; None = zones are not taken from events


def compile_features(
    section: object,
    events: Mapping[str, EventType],
    categories: Sequence[str],
    problems: list[Problem],
    zones: frozenset[str] | None = None,
) -> Features:
    """Compile the section, adding every mistake to `problems`; what is wrong is left out of the result."""
    columns: list[Column] = []
    feeds: dict[str, dict[str, Series]] = {}
    meanings: dict[str, str] = {}
    if not isinstance(section, dict):
        problems.append(Problem(("features",), f"expected a mapping from names to features, got {section!r}"))
        section = {}
    for name in sorted(section, key=str):
        body = section[name]
        if not isinstance(body, dict):
            message = f"expected a mapping such as {{count: an_event, window: 28d}}, got {body!r}"
            problems.append(Problem(("features", str(name)), message))
            continue
        declared = _Declaration(str(name), body, events, problems).read(bool(categories))
        if declared is None:
            continue
        event, meaning, column = declared
        key = column.series.key
        if meanings.setdefault(key, meaning) != meaning:
            message = f"its series gets the same key as another one's, {meanings[key]}: rename an event type"
            problems.append(Problem(("features", str(name)), message))
        known = feeds.setdefault(event, {}).get(key)
        if known is None or known.panes_max < column.series.panes_max:
            feeds[event][key] = column.series
        columns.append(column)
    ordered = tuple(sorted(set(categories)))
    series = {key: kept for fed in feeds.values() for key, kept in fed.items()}
    names: list[str] = []
    types: dict[str, str] = {}
    for column in columns:
        for name in [f"{column.name}.{category}" for category in ordered] if column.series.is_keyed else [column.name]:
            names.append(name)
            types[name] = column.type
    return Features(
        names,
        types,
        {column.name: column.type for column in columns if column.series.is_keyed},
        tuple(columns),
        ordered,
        frozenset(ordered),
        tuple(f"{KEY}:{category}" for category in ordered),
        {event: tuple(fed[key] for key in sorted(fed)) for event, fed in feeds.items()},
        series,
        _short("\n".join([*sorted(series), "", *ordered])),
        frozenset(name for name, event in events.items() if event.properties.get("zone") == "string"),
        zones,
    )


def series_keys(features: Features) -> set[str]:
    """Name everything that is complete only from the instant its keeping began.

    On a policy switch the shard notes that instant in `ShardRow.complete_from` for each name which the policy before
    did not have: one name per series and window (a longer window needs what was pruned), one per category of the
    catalogue (nothing was kept of it before).
    """
    return {column.window for column in features.columns} | set(features.category_keys)


class _Declaration:
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
        if not _NAME.fullmatch(self.name):
            self._wrong("", f"expected a name of lower-case letters, digits and _, got {self.name!r}")
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
        series = Series(_short(meaning), measure.kind, prop, is_keyed, pane_ms, panes_max)
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
            self._wrong(word, f"unknown event type {event!r}: expected one of {_listed(self.events)}")
        elif measure.takes:
            properties = self.events[event].properties
            if prop not in properties:
                self._wrong(word, f"{event} has no property {prop!r}: expected one of {_listed(properties)}")
            elif properties[prop] not in measure.takes:
                self._wrong(word, f"{prop} is a {properties[prop]}: {word} takes {_listed(measure.takes)}")
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
        match = _WINDOW.fullmatch(told) if isinstance(told, str) else None
        window_ms = int(match[1]) * UNITS_MS[match[2]] if match else 0
        if not 0 < window_ms <= WINDOW_MS_MAX:
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


def _short(meaning: str) -> str:
    """Return 8 hex digits that stand for a text: a person's row repeats them for every series."""
    return hashlib.sha256(meaning.encode()).hexdigest()[:8]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
