"""Features: the `features` section of a policy, compiled to the series that are kept and the columns read from them.

Theory of operation.  A *series* is what a person's row keeps of one event type for one measure; a *column* is one
declared feature, read from a series.  A windowed series is kept in panes of one fixed width, chosen by the window
alone, so a feature's value never depends on what else is declared; features that agree in event type, measure, key and
pane width share a series.  A series is named by a hash of everything that its contents mean: a row written under one
policy is understood under the next, and what changed its meaning starts anew.  Nothing depends on the order of
declarations, for the bundle that comes back from the policy topic may have another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from streams.policy.events import EventType
from streams.policy.problems import Problem
from streams.policy.series import AHEAD_MS, KEY, Column, Declaration, Series, short_key


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
        declared = Declaration(str(name), body, events, problems).read(bool(categories))
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
        short_key("\n".join([*sorted(series), "", *ordered])),
        frozenset(name for name, event in events.items() if event.properties.get("zone") == "string"),
        zones,
    )


def series_keys(features: Features) -> set[str]:
    """Name everything that has an entry in `ShardRow.complete_from` if it was not kept from the beginning.

    One name per series and window (a longer window needs what a shorter one pruned), one per category of the catalogue.
    """
    return {column.window for column in features.columns} | set(features.category_keys)


def switch_series(complete_from: dict[str, int], before: Features, after: Features, now: int) -> None:
    """Bring `ShardRow.complete_from` up to date, in place, when a shard goes from one policy to the next at `now`.

    Its entries are epoch ms: since when a series, or a category, has been kept without a gap.  What the policy before
    kept for another window is known for as far back as that window reached.
    """
    known = series_keys(before)
    from_now = now + AHEAD_MS  # an event of then may have come already, and was not kept
    for column in after.columns:
        if column.window in known:
            continue
        since = from_now
        for kept in before.columns:
            if kept.series.key == column.series.key:
                since = min(since, max(complete_from.get(kept.window, 0), kept.begins_at(now)))
        complete_from[column.window] = since
    for category in after.category_keys:
        if category not in known:
            complete_from[category] = from_now
    for name in complete_from.keys() - series_keys(after):
        del complete_from[name]
