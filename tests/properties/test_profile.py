"""Folding facts and reading features agrees with a plain reading of all facts, in whatever order they come."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from hypothesis import example, given, settings
from hypothesis import strategies as st

from agents.codecs.rows import decode_profile, encode_row
from streams.policy.events import EventType
from streams.policy.features import Features, compile_features, switch_series
from streams.policy.problems import Problem
from streams.policy.series import AHEAD_MS, DAY_MS, HOUR_MS, MINUTE_MS
from streams.profile import DISTINCT_MAX, compute, fold
from streams.records import Event, Feature, Value
from streams.rows import Profile

EVENTS: Final = {
    "bought": EventType(
        "bought",
        {"category": "string", "amount": "money", "pieces": "int", "brand": "string", "gift": "bool"},
        frozenset({"category", "amount", "pieces", "brand", "gift"}),
        "",
    ),
    "visited": EventType("visited", {"page": "string"}, frozenset({"page"}), ""),
}
CATALOGUE: Final = ("bread", "soup", "tea")
UNIT_MS: Final = {"d": DAY_MS, "h": HOUR_MS, "m": MINUTE_MS, "s": 1_000}
SECTION: Final[dict[str, dict[str, str]]] = {
    "visits_30m": {"count": "visited", "window": "30m"},
    "visits_23h": {"count": "visited", "window": "23h"},
    "visits_1d": {"count": "visited", "window": "1d"},
    "visits_100h": {"count": "visited", "window": "100h"},
    "visits_7d": {"count": "visited", "window": "7d"},
    "visits_250h": {"count": "visited", "window": "250h"},
    "visits_28d": {"count": "visited", "window": "28d"},
    "spend_2d": {"sum": "bought.amount", "window": "2d"},
    "spend_28d": {"sum": "bought.amount", "window": "28d"},
    "pieces_90m": {"sum": "bought.pieces", "window": "90m"},
    "brands_14d": {"distinct": "bought.brand", "window": "14d"},
    "brands_56d": {"distinct": "bought.brand", "window": "56d"},
    "sizes_3h": {"distinct": "bought.pieces", "window": "3h"},
    "visit_s": {"recency": "visited", "unit": "s"},
    "bought_d": {"recency": "bought", "unit": "d"},
    "amount": {"last": "bought.amount"},
    "gift": {"last": "bought.gift"},
    "bought_28d_by": {"count": "bought", "window": "28d", "by": "category"},
    "bought_9d_by": {"count": "bought", "window": "9d", "by": "category"},
    "spend_6d_by": {"sum": "bought.amount", "window": "6d", "by": "category"},
    "brands_28d_by": {"distinct": "bought.brand", "window": "28d", "by": "category"},
    "bought_h_by": {"recency": "bought", "unit": "h", "by": "category"},
    "brand_by": {"last": "bought.brand", "by": "category"},
}
START: Final = 17_000 * DAY_MS


def compiled(section: dict[str, Any], categories: tuple[str, ...] = CATALOGUE) -> Features:
    problems: list[Problem] = []
    features = compile_features(section, EVENTS, categories, problems)
    assert problems == []
    return features


FEATURES: Final = compiled(SECTION)

properties: st.SearchStrategy[dict[str, Value]] = st.fixed_dictionaries(
    {},
    optional={
        "category": st.sampled_from([*CATALOGUE, "fuel"]),
        "amount": st.integers(-5_000_000, 50_000_000),
        "pieces": st.integers(0, 9),
        "brand": st.sampled_from("abcdefgh"),
        "gift": st.booleans(),
        "page": st.sampled_from(["home", "cart"]),
    },
)
# Spread over seconds, hours and months, and often on the edge of a pane.
instants = st.one_of(
    st.integers(0, 90 * DAY_MS),
    st.integers(0, 90).map(lambda day: day * DAY_MS),
    st.integers(85 * 24, 90 * 24).flatmap(lambda hour: st.integers(-1, 1).map(lambda ms: hour * HOUR_MS + ms)),
    st.integers(90 * 24 * 60 - 120, 90 * 24 * 60).map(lambda minute: minute * MINUTE_MS),
).map(lambda ms: START + ms)


@st.composite
def event_lists(draw: st.DrawFn) -> list[Event]:
    kinds = st.sampled_from(["bought", "visited"])
    consents = st.none() | st.dictionaries(st.sampled_from(["email", "push"]), st.booleans())
    facts = draw(st.lists(st.tuples(kinds, instants, properties, consents), max_size=40))
    return [
        Event(f"e{i}", "p", kind, at, "till", told, consent, None, at, None)
        for i, (kind, at, told, consent) in enumerate(facts)
    ]


def folded(events: list[Event], features: Features = FEATURES) -> Profile:
    profile = Profile()
    for event in events:
        assert fold(profile, event, features) == 0
    return profile


def last_instant(events: list[Event]) -> int:
    return max((event.occurred_at for event in events), default=START)


def expected(declared: dict[str, str], events: list[Event], now: int) -> Feature:
    """Return a feature from all events, as docs/features.md says it."""
    word = next(iter(declared))
    kind, _, prop = declared[word].partition(".")
    told = [event for event in events if event.type == kind and (not prop or prop in event.properties)]
    if word == "recency":
        newest = max((event.occurred_at for event in told), default=None)
        return None if newest is None else max(now - newest, 0) // UNIT_MS[declared["unit"]]
    if word == "last":
        newest_event = max(told, key=lambda event: (event.occurred_at, event.event_id), default=None)
        return None if newest_event is None else newest_event.properties[prop]  # type: ignore[return-value]  # no floats here
    window_ms = int(declared["window"][:-1]) * UNIT_MS[declared["window"][-1]]
    pane_ms = DAY_MS if window_ms >= 7 * DAY_MS else HOUR_MS if window_ms >= DAY_MS else MINUTE_MS
    told = [event for event in told if event.occurred_at // pane_ms > (now - window_ms) // pane_ms]
    if word == "count":
        return len(told)
    values: list[Any] = [event.properties[prop] for event in told]
    return sum(values) if word == "sum" else len(set(values))


def reference(events: list[Event], now: int) -> dict[str, Feature]:
    values: dict[str, Feature] = {}
    for name, declared in SECTION.items():
        if "by" not in declared:
            values[name] = expected(declared, events, now)
        for category in CATALOGUE if "by" in declared else ():
            of_category = [event for event in events if event.properties.get("category") == category]
            values[f"{name}.{category}"] = expected(declared, of_category, now)
    return values


later = st.one_of(
    st.integers(-AHEAD_MS, 2 * HOUR_MS), st.integers(0, 70 * DAY_MS), st.sampled_from([DAY_MS, 7 * DAY_MS, 28 * DAY_MS])
)


@settings(max_examples=300, deadline=None)
@given(event_lists(), later)
def test_features_agree_with_a_plain_reading_of_all_events(events: list[Event], after: int) -> None:
    now = last_instant(events) + after
    values = compute(folded(events), FEATURES, now, {})
    assert dict(zip(FEATURES.names, values, strict=True)) == reference(events, now)


@settings(max_examples=150, deadline=None)
@given(event_lists(), st.randoms(use_true_random=False), later)
def test_the_order_of_arrival_is_irrelevant(events: list[Event], chance: Any, after: int) -> None:
    shuffled = [*events]
    chance.shuffle(shuffled)
    now = last_instant(events) + after
    one, other = folded(events), folded(shuffled)
    assert compute(one, FEATURES, now, {}) == compute(other, FEATURES, now, {})
    assert one == other


@settings(max_examples=150, deadline=None)
@given(event_lists(), st.integers(0, 40))
def test_a_row_that_was_stored_in_between_goes_on_as_if_it_had_not(events: list[Event], cut: int) -> None:
    whole = folded(events)
    parted = decode_profile(encode_row(folded(events[:cut])))
    for event in events[cut:]:
        fold(parted, event, FEATURES)
    assert parted == whole
    assert encode_row(parted) == encode_row(whole)


@settings(max_examples=100, deadline=None)
@given(event_lists())
def test_a_row_is_bounded_by_its_windows(events: list[Event]) -> None:
    profile = folded(events)
    for key, series in FEATURES.series.items():
        kept = profile.series.get(key)
        for cell in () if kept is None else kept.values() if series.is_keyed else [kept]:
            if series.kind == "tally":
                assert cell[0] == sum(cell[2::2])
                assert cell[1::2] == sorted(set(cell[1::2]))
                assert cell[-2] - cell[1] < series.panes_max
            elif series.kind == "distinct":
                panes = [*cell.values()]
                assert panes == sorted(panes)
                assert panes[-1] - panes[0] < series.panes_max


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 3 * DISTINCT_MAX), st.integers(0, 60)),
        min_size=2 * DISTINCT_MAX,
        max_size=3 * DISTINCT_MAX,
    ),
    st.integers(0, 60),
)
def test_too_many_distinct_values_keep_the_newest(facts: list[tuple[int, int]], after: int) -> None:
    features = compiled({"sizes_28d": {"distinct": "bought.pieces", "window": "28d"}})
    profile = Profile()
    newest: Counter[int] = Counter()
    for i, (pieces, day) in enumerate(facts):
        fold(
            profile,
            Event(f"e{i}", "p", "bought", START + day * DAY_MS, "till", {"pieces": pieces}, None, None, 0, None),
            features,
        )
        newest[pieces] = max(newest[pieces], day)
    now = START + (max(newest.values()) + after) * DAY_MS
    kept = sorted(newest.values(), reverse=True)[:DISTINCT_MAX]
    in_window = sum(START + day * DAY_MS > now - 28 * DAY_MS for day in kept)
    assert compute(profile, features, now, {}) == [in_window]


@settings(max_examples=200, deadline=None)
@given(
    event_lists(),
    st.integers(0, 40),
    st.sets(st.sampled_from([*SECTION])),
    st.sets(st.sampled_from(CATALOGUE), min_size=1),
    later,
)
@example([], 0, set(), {"tea"}, 0)
def test_after_a_policy_switch_a_feature_is_right_or_missing(
    events: list[Event], cut: int, kept: set[str], categories: set[str], after: int
) -> None:
    events = sorted(events, key=lambda event: event.occurred_at)
    before = compiled({name: SECTION[name] for name in kept}, tuple(sorted(categories)))
    profile = folded(events[:cut], before)
    switched_at = last_instant(events[:cut])
    complete_from: dict[str, int] = {}
    switch_series(complete_from, before, FEATURES, switched_at)
    for event in events[cut:]:
        fold(profile, event, FEATURES)
    now = max(last_instant(events) + after, switched_at)
    truth = reference(events, now)
    for name, value in zip(FEATURES.names, compute(profile, FEATURES, now, complete_from), strict=True):
        known_all_along = name.partition(".")[0] in kept and ("." not in name or name.partition(".")[2] in categories)
        assert value == truth[name] if known_all_along else value in (None, truth[name])
