"""Stage 2 of 7 — profile: what we know of a person, folded from facts.

Reads   Event, policy.            Writes  Profile.
Keeps   features, consents.       Never   reads the clock.

Theory of operation.  `fold` puts an event into the series it feeds; `compute` reads the declared features from them at
an instant.  What the cell of a series holds, by its kind:

    tally     [total, pane, amount, pane, amount …]   panes ascending, none older than the longest window
    distinct  {value: newest pane it came in}         panes ascending
    recency   newest instant
    last      [instant, event_id, value]              newest by (instant, event_id)

A keyed series is a mapping from category to cell.  A window of W ms at `now` covers the panes after number
(now − W) // pane width.  The order in which events arrive does not matter: each lands in its own pane, and what is
pruned depends on the newest pane alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final

from streams.policy.features import Features
from streams.policy.series import KEY, Column, Series
from streams.records import ContactState, Event, Feature
from streams.rows import TRAVEL_MS, Profile

DISTINCT_MAX: Final = 256  # values a cell holds; so many mean "at least so many"
KEYED_DISTINCT_MAX: Final = 32  # the same where there is a cell per category, of which a catalogue has tens
SUPPRESSING: Final = ("activation_bounced", "activation_complained")
LIFTING: Final = "suppression_lifted"
SUPPRESSED_MAX: Final = 64  # scopes a person; the oldest gives way, and a policy has far fewer delivery channels
CONSENTS_MAX: Final = 64  # scopes a person; one more is not kept, which is read as not granted
ZONES_MAX: Final = 4  # that a person may leave within that time
TEXT_MAX: Final = 256  # characters of a string that are kept
PANE_MAX: Final = 2**52  # of a pane's amount, in size: 2,048 panes of it still fit 64 bits

_LAYOUT: Final = ""  # key in Profile.series: layout of the policy under which the row was last folded
_ZONE: Final = "zone"  # key in Profile.series: [instant, event_id] of the event that told Profile.zone

Cells = dict[Any, Any]  # a person's series, or one keyed series: cells by key


def fold(profile: Profile, event: Event, features: Features) -> int:
    """Put an event into what we know of its person, in place; return how many values a bound left out."""
    store = profile.series
    left_out = _fold_consents(profile, event) if event.consent else 0
    if event.type in SUPPRESSING or event.type == LIFTING:
        _fold_suppression(profile, event)
    if event.type in features.zone_types:
        _fold_zone(profile, event, features)
    if store.get(_LAYOUT) != features.layout:
        _shed(store, features)
    properties = event.properties
    for series in features.by_event.get(event.type, ()):
        value: Any = 1
        if series.property:
            value = properties.get(series.property)
            if value is None:
                continue
            if type(value) is str:
                value = value[:TEXT_MAX]
            elif not -PANE_MAX <= value <= PANE_MAX:
                left_out += 1
                continue
        cells, key = store, series.key
        if series.is_keyed:
            category = properties.get(KEY)
            if category not in features.category_set:
                continue
            cells, key = store.setdefault(key, {}), category
        left_out += _FOLDS[series.kind](cells, key, value, event, series)
    return left_out


def restate(profile: Profile, event: Event, features: Features) -> ContactState | None:
    """Fold an event; return by which ways its person may be contacted now, None if that is what it was."""
    may_change = event.consent is not None or event.type in SUPPRESSING or event.type == LIFTING
    before = _permissions(profile) if may_change else None
    fold(profile, event, features)
    if before is None or (now := _permissions(profile)) == before:
        return None
    return ContactState(event.profile_id, *now, event.accepted_at)


def compute(profile: Profile, features: Features, now: int, complete_from: Mapping[str, int]) -> list[Feature]:
    """Return the features at `now`, aligned with `features.names`.

    None is missing: it never happened (recency, last), or its series was not kept for long enough to know
    (`complete_from`: since when, epoch ms, by the names of `series_keys`; without an entry it always was).  Counts,
    sums and distinct values are 0 where nothing happened.  Money is micro-units.
    """
    values: list[Feature] = []
    store = profile.series
    known_from = [complete_from.get(key, 0) for key in features.category_keys] if complete_from else []
    for column in features.columns:
        kept = store.get(column.series.key)
        if not column.series.is_keyed:
            cells = [kept]
        elif kept:
            cells = [kept.get(category) for category in features.categories]
        else:
            cells = [None] * len(features.categories)
        read = _READS[column.series.kind](cells, column, now)
        if complete_from:
            _forget(read, cells, column, now, complete_from.get(column.window, 0), known_from)
        values += read
    return values


def _fold_tally(cells: Cells, key: str, value: int, event: Event, series: Series) -> int:
    pane = event.occurred_at // series.pane_ms
    cell = cells.get(key)
    if cell is None:
        cells[key] = [value, pane, value]
    elif cell[-2] != pane:
        return _add(cell, pane, value, series.panes_max)
    elif not -PANE_MAX <= cell[-1] + value <= PANE_MAX:
        return 1
    else:
        cell[0] += value
        cell[-1] += value
    return 0


def _add(cell: list[int], pane: int, value: int, panes_max: int) -> int:
    """Add to a pane that is not the newest one; return 1 if it is full."""
    if pane <= cell[-2] - panes_max:
        return 0
    i = len(cell) - 2
    while i > 0 and cell[i] > pane:
        i -= 2
    if i > 0 and cell[i] == pane:
        if not -PANE_MAX <= cell[i + 1] + value <= PANE_MAX:
            return 1
        cell[i + 1] += value
    else:
        cell[i + 2 : i + 2] = (pane, value)
    cell[0] += value
    i = 1
    while cell[i] <= pane - panes_max:
        cell[0] -= cell[i + 1]
        i += 2
    del cell[1:i]
    return 0


def _fold_distinct(cells: Cells, key: str, value: str | int, event: Event, series: Series) -> int:
    pane = event.occurred_at // series.pane_ms
    cell = cells.setdefault(key, {})
    known = cell.pop(value, pane)
    newest = cell[next(reversed(cell))] if cell else pane
    pane = max(pane, known)
    if pane <= newest - series.panes_max:
        return 0
    cell[value] = pane
    if pane < newest:
        ascending = sorted(cell.items(), key=itemgetter(1))
        cell.clear()
        cell.update(ascending)
    oldest = next(iter(cell))
    while cell[oldest] <= pane - series.panes_max:
        del cell[oldest]
        oldest = next(iter(cell))
    if len(cell) <= (KEYED_DISTINCT_MAX if series.is_keyed else DISTINCT_MAX):
        return 0
    del cell[oldest]
    return 1


def _fold_recency(cells: Cells, key: str, _value: int, event: Event, _series: Series) -> int:
    known = cells.get(key)
    if known is None or event.occurred_at > known:
        cells[key] = event.occurred_at
    return 0


def _fold_last(cells: Cells, key: str, value: object, event: Event, _series: Series) -> int:
    known = cells.get(key)
    if known is None or (event.occurred_at, event.event_id) > (known[0], known[1]):
        cells[key] = [event.occurred_at, event.event_id, value]
    return 0


def _read_tally(cells: Sequence[Any], column: Column, now: int) -> list[Feature]:
    after = (now - column.window_ms) // column.series.pane_ms
    return [0 if cell is None else cell[0] if cell[1] > after else _total_after(cell, after) for cell in cells]


def _total_after(cell: list[int], after: int) -> int:
    """Return the total of the panes after a number, from the end that is likely to be nearer."""
    if cell[len(cell) // 4 * 2 + 1] > after:
        total = cell[0]
        i = 1
        while cell[i] <= after:
            total -= cell[i + 1]
            i += 2
        return total
    total = 0
    i = len(cell) - 2
    while cell[i] > after:
        total += cell[i + 1]
        i -= 2
    return total


def _read_distinct(cells: Sequence[Any], column: Column, now: int) -> list[Feature]:
    after = (now - column.window_ms) // column.series.pane_ms
    return [0 if not cell else _values_after(cell, after) for cell in cells]


def _values_after(cell: dict[str | int, int], after: int) -> int:
    for gone, pane in enumerate(cell.values()):
        if pane > after:
            return len(cell) - gone
    return 0


def _read_recency(cells: Sequence[Any], column: Column, now: int) -> list[Feature]:
    unit = column.unit_ms
    return [None if at is None else max(now - at, 0) // unit for at in cells]


def _read_last(cells: Sequence[Any], _column: Column, _now: int) -> list[Feature]:
    return [None if cell is None else cell[2] for cell in cells]


def _forget(
    read: list[Feature], cells: Sequence[Any], column: Column, now: int, since: int, known_from: list[int]
) -> None:
    """Make missing what rests on a time when its series, or its category, was not kept."""
    series = column.series
    begins = column.begins_at(now)
    for i, cell in enumerate(cells):
        if not series.pane_ms:
            if cell is None:
                continue
            begins = cell if series.kind == "recency" else cell[0]
        if begins < since or (series.is_keyed and begins < known_from[i]):
            read[i] = None


def _fold_consents(profile: Profile, event: Event) -> int:
    """Keep what was said last; of two things said at one instant, the refusal."""
    consents = profile.consents
    at = event.occurred_at
    left_out = 0
    for scope, granted in (event.consent or {}).items():
        known = consents.get(scope)
        if known is None and (len(consents) >= CONSENTS_MAX or len(scope) > TEXT_MAX):
            left_out += 1
        elif known is None or at > known[1] or (at == known[1] and not granted):
            consents[scope] = [int(granted), at]
    return left_out


def _fold_suppression(profile: Profile, event: Event) -> None:
    """Never speak again where a message bounced or was complained of, until that is lifted."""
    scope = f"channel:{event.properties['delivery_channel']}"[:TEXT_MAX]
    others = [known for known in profile.suppressed if known != scope]
    profile.suppressed = others if event.type == LIFTING else [*others[1 - SUPPRESSED_MAX :], scope]


def _permissions(profile: Profile) -> tuple[dict[str, bool], list[str]]:
    return {scope: granted == 1 for scope, (granted, _) in profile.consents.items()}, sorted(profile.suppressed)


def _fold_zone(profile: Profile, event: Event, features: Features) -> None:
    """Take the zone that the newest event tells; a name that is no zone is not taken."""
    zone = event.properties.get(_ZONE)
    if features.zones is None or type(zone) is not str or zone not in features.zones:
        return
    told = [event.occurred_at, event.event_id]
    known = profile.series.get(_ZONE)
    if known is None or told > known:
        profile.series[_ZONE] = told
        if zone != profile.zone:
            since = event.occurred_at - TRAVEL_MS
            recent = [one for one in profile.left if one[1] > since and one[0] != profile.zone]
            profile.left = [*recent[1 - ZONES_MAX :], [profile.zone, event.occurred_at]]
        profile.zone = zone
        profile.zone_source = event.type


def _shed(store: dict[str, Any], features: Features) -> None:
    """Drop from a row what this policy does not keep."""
    for key in [key for key in store if key not in features.series and key not in (_LAYOUT, _ZONE)]:
        del store[key]
    for key, series in features.series.items():
        if series.is_keyed and key in store:
            store[key] = {category: cell for category, cell in store[key].items() if category in features.category_set}
    store[_LAYOUT] = features.layout


_FOLDS: Final[dict[str, Callable[[Cells, str, Any, Event, Series], int]]] = {
    "tally": _fold_tally,
    "distinct": _fold_distinct,
    "recency": _fold_recency,
    "last": _fold_last,
}
_READS: Final[dict[str, Callable[[Sequence[Any], Column, int], list[Feature]]]] = {
    "tally": _read_tally,
    "distinct": _read_distinct,
    "recency": _read_recency,
    "last": _read_last,
}
