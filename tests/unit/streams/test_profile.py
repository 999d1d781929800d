"""The profile stage, fact by fact."""

from __future__ import annotations

from typing import Any, Final

import pytest

from streams.policy.events import EventType
from streams.policy.features import Features, compile_features, switch_series
from streams.policy.problems import Problem
from streams.policy.series import AHEAD_MS, DAY_MS, HOUR_MS, MINUTE_MS
from streams.profile import (
    CONSENTS_MAX,
    DISTINCT_MAX,
    KEYED_DISTINCT_MAX,
    PANE_MAX,
    TEXT_MAX,
    compute,
    fold,
)
from streams.records import Event, Feature, Value
from streams.rows import Profile

EVENTS = {
    "bought": EventType(
        "bought", {"category": "string", "amount": "money", "brand": "string"}, frozenset({"brand"}), ""
    ),
    "moved": EventType("moved", {"zone": "string"}, frozenset(), ""),
}
CATEGORIES = ["bread", "tea"]
NOON = 17_000 * DAY_MS + 12 * HOUR_MS
ZONES = frozenset({"Europe/Paris", "Asia/Tokyo"})


def compiled(
    section: dict[str, Any], categories: list[str] = CATEGORIES, zones: frozenset[str] | None = None
) -> Features:
    problems: list[Problem] = []
    features = compile_features(section, EVENTS, categories, problems, zones)
    assert problems == []
    return features


def one(declaration: dict[str, Any]) -> Features:
    return compiled({"x": declaration})


def bought(at: int, event_id: str = "e", consent: dict[str, bool] | None = None, **properties: Value) -> Event:
    told: dict[str, Value] = {"category": "tea", "amount": 5, **properties}
    return Event(event_id, "p", "bought", at, "till", told, consent, None, at, None)


def moved(at: int, zone: str, event_id: str = "e") -> Event:
    return Event(event_id, "p", "moved", at, "app", {"zone": zone}, None, None, at, None)


def folded(features: Features, *events: Event) -> Profile:
    profile = Profile()
    for event in events:
        fold(profile, event, features)
    return profile


def value_of(features: Features, profile: Profile, now: int = NOON) -> Feature:
    (value,) = compute(profile, features, now, {})
    return value


class TestWindows:
    COUNT: Final = {"count": "bought", "window": "7d"}

    def test_a_window_covers_the_panes_after_the_one_it_begins_in(self) -> None:
        features = one(self.COUNT)
        midnight = NOON - 12 * HOUR_MS
        profile = folded(features, bought(midnight - 6 * DAY_MS - 1), bought(midnight - 6 * DAY_MS), bought(NOON))
        assert value_of(features, profile) == 2

    def test_nothing_happened_is_zero(self) -> None:
        features = compiled({
            "a": self.COUNT,
            "b": {"sum": "bought.amount", "window": "7d"},
            "c": {"distinct": "bought.brand", "window": "7d"},
            "d": {"count": "bought", "window": "7d", "by": "category"},
        })  # fmt: skip
        assert compute(Profile(), features, NOON, {}) == [0, 0, 0, 0, 0]

    def test_time_alone_empties_a_window(self) -> None:
        features = one(self.COUNT)
        profile = folded(features, bought(NOON))
        assert value_of(features, profile, NOON + 6 * DAY_MS) == 1
        assert value_of(features, profile, NOON + 7 * DAY_MS) == 0

    def test_an_event_a_little_ahead_of_the_clock_counts_and_costs_no_old_pane(self) -> None:
        features = one({"count": "bought", "window": "30m"})
        oldest = NOON - 29 * MINUTE_MS
        assert value_of(features, folded(features, bought(oldest), bought(NOON + AHEAD_MS))) == 2

    def test_an_event_older_than_the_longest_window_leaves_no_trace(self) -> None:
        features = one(self.COUNT)
        profile = folded(features, bought(NOON))
        kept = repr(profile)
        assert fold(profile, bought(NOON - 30 * DAY_MS), features) == 0
        assert repr(profile) == kept

    def test_two_windows_of_one_series_are_read_from_it(self) -> None:
        features = compiled(
            {"a": {"sum": "bought.amount", "window": "7d"}, "b": {"sum": "bought.amount", "window": "28d"}}
        )
        profile = folded(features, *(bought(NOON - day * DAY_MS, amount=2**day) for day in range(28)))
        assert compute(profile, features, NOON, {}) == [2**7 - 1, 2**28 - 1]
        assert compute(profile, features, NOON + 20 * DAY_MS, {}) == [0, 2**8 - 1]

    def test_panes_are_pruned_while_folding(self) -> None:
        features = one(self.COUNT)
        profile = folded(features, *(bought(NOON + day * DAY_MS) for day in range(100)))
        ((_, cell),) = [item for item in profile.series.items() if item[0]]
        assert len(cell) == 1 + 2 * features.columns[0].series.panes_max


class TestRecencyAndLast:
    def test_never_is_missing(self) -> None:
        features = compiled({"a": {"recency": "bought", "unit": "d"}, "b": {"last": "bought.amount"},
                             "c": {"recency": "bought", "unit": "d", "by": "category"}})  # fmt: skip
        assert compute(Profile(), features, NOON, {}) == [None, None, None, None]

    @pytest.mark.parametrize(("unit", "expected"), [("d", 1), ("h", 35), ("m", 2_159), ("s", 129_599)])
    def test_recency_is_in_whole_units(self, unit: str, expected: int) -> None:
        features = one({"recency": "bought", "unit": unit})
        assert value_of(features, folded(features, bought(NOON - 36 * HOUR_MS + 1))) == expected

    def test_recency_is_never_negative(self) -> None:
        features = one({"recency": "bought", "unit": "s"})
        assert value_of(features, folded(features, bought(NOON + AHEAD_MS))) == 0

    def test_the_last_value_is_of_the_newest_event_whenever_it_arrives(self) -> None:
        features = one({"last": "bought.amount"})
        events = bought(NOON, "b", amount=2), bought(NOON - 1, "z", amount=3), bought(NOON, "a", amount=1)
        assert value_of(features, folded(features, *events)) == 2
        assert value_of(features, folded(features, *reversed(events))) == 2

    def test_an_event_that_does_not_tell_the_property_changes_no_last_value(self) -> None:
        features = one({"last": "bought.brand"})
        assert value_of(features, folded(features, bought(NOON - 1, brand="own"), bought(NOON))) == "own"


class TestKeyed:
    def test_a_category_outside_the_catalogue_is_not_kept(self) -> None:
        features = one({"count": "bought", "window": "7d", "by": "category"})
        profile = folded(features, bought(NOON), bought(NOON, category="fuel"))
        assert compute(profile, features, NOON, {}) == [0, 1]
        assert "fuel" not in repr(profile)

    def test_what_the_policy_no_longer_keeps_is_dropped_with_the_next_event(self) -> None:
        before = compiled({"a": {"count": "bought", "window": "7d", "by": "category"}, "b": {"last": "bought.amount"}})
        after = compiled({"a": {"count": "bought", "window": "7d", "by": "category"}}, ["tea", "rice"])
        profile = folded(before, bought(NOON), bought(NOON, category="bread"))
        fold(profile, bought(NOON, category="rice"), after)
        assert compute(profile, after, NOON, {}) == [1, 1]
        assert "bread" not in repr(profile)
        assert set(profile.series) == {"", after.columns[0].series.key}


class TestBounds:
    def test_distinct_values_are_at_most_so_many_and_the_oldest_goes(self) -> None:
        features = one({"distinct": "bought.brand", "window": "28d"})
        profile = folded(features, *(bought(NOON - day * DAY_MS, brand=f"old{day}") for day in range(20)))
        left_out = sum(fold(profile, bought(NOON, brand=f"new{i}"), features) for i in range(DISTINCT_MAX))
        assert left_out == 20
        assert value_of(features, profile) == DISTINCT_MAX
        assert value_of(features, profile, NOON + 27 * DAY_MS) == DISTINCT_MAX

    def test_distinct_values_of_a_category_are_fewer(self) -> None:
        features = one({"distinct": "bought.brand", "window": "28d", "by": "category"})
        profile = folded(features, *(bought(NOON, brand=f"new{i}") for i in range(100)))
        assert compute(profile, features, NOON, {}) == [0, KEYED_DISTINCT_MAX]

    def test_an_amount_that_would_not_fit_is_left_out_and_counted(self) -> None:
        features = compiled({"a": {"sum": "bought.amount", "window": "7d"}, "b": {"last": "bought.amount"}})
        profile = folded(features, bought(NOON - DAY_MS, amount=1), bought(NOON, amount=PANE_MAX))
        assert fold(profile, bought(NOON, "f", amount=1), features) == 1  # today's pane is full
        assert fold(profile, bought(NOON, "g", amount=-PANE_MAX - 1), features) == 2  # for the sum and for the last
        assert fold(profile, bought(NOON - DAY_MS, amount=PANE_MAX), features) == 1  # yesterday's would not take it
        assert compute(profile, features, NOON, {}) == [PANE_MAX + 1, 1]

    def test_a_long_string_is_cut(self) -> None:
        features = one({"last": "bought.brand"})
        assert value_of(features, folded(features, bought(NOON, brand="x" * 1_000))) == "x" * TEXT_MAX

    def test_one_scope_of_consent_too_many_is_not_kept(self) -> None:
        features = compiled({})
        profile = folded(features, bought(NOON, consent={f"scope{i}": True for i in range(CONSENTS_MAX)}))
        assert fold(profile, bought(NOON, consent={"one_more": True, "scope3": False}), features) == 1
        assert len(profile.consents) == CONSENTS_MAX
        assert profile.consents["scope3"] == [0, NOON]

    def test_a_scope_of_consent_with_a_name_without_end_is_not_kept(self) -> None:
        features = compiled({})
        profile = Profile()
        assert fold(profile, bought(NOON, consent={"x" * 257: True, "y" * 256: True}), features) == 1
        assert [*profile.consents] == ["y" * 256]


class TestConsent:
    def test_what_was_said_later_holds(self) -> None:
        granted, refused = bought(NOON, consent={"email": True}), bought(NOON - 1, consent={"email": False})
        assert folded(compiled({}), granted, refused).consents == {"email": [1, NOON]}
        assert folded(compiled({}), refused, granted).consents == {"email": [1, NOON]}

    def test_of_two_things_said_at_once_the_refusal_holds(self) -> None:
        granted, refused = bought(NOON, consent={"email": True}), bought(NOON, consent={"email": False})
        assert folded(compiled({}), granted, refused).consents == {"email": [0, NOON]}
        assert folded(compiled({}), refused, granted).consents == {"email": [0, NOON]}

    def test_consent_comes_with_events_of_any_type(self) -> None:
        event = Event("e", "p", "unheard_of", NOON, "app", {}, {"push": True}, None, NOON, None)
        assert folded(compiled({}), event).consents == {"push": [1, NOON]}


class TestZone:
    def test_the_newest_valid_zone_is_taken(self) -> None:
        features = compiled({}, zones=ZONES)
        profile = folded(
            features, moved(NOON, "Asia/Tokyo"), moved(NOON - 1, "Europe/Paris"), moved(NOON + 1, "Mars/Base")
        )
        assert (profile.zone, profile.zone_source) == ("Asia/Tokyo", "moved")

    def test_zones_that_were_left_are_kept_for_a_day_and_a_half(self) -> None:
        features = compiled({}, zones=ZONES)
        profile = folded(features, moved(NOON, "Asia/Tokyo", "1"))
        assert profile.left == [["", NOON]]
        fold(profile, moved(NOON + HOUR_MS, "Asia/Tokyo", "2"), features)
        assert profile.left == [["", NOON]]
        fold(profile, moved(NOON + 2 * HOUR_MS, "Europe/Paris", "3"), features)
        assert profile.left == [["", NOON], ["Asia/Tokyo", NOON + 2 * HOUR_MS]]
        fold(profile, moved(NOON + 36 * HOUR_MS, "Asia/Tokyo", "4"), features)
        assert profile.left == [["Asia/Tokyo", NOON + 2 * HOUR_MS], ["Europe/Paris", NOON + 36 * HOUR_MS]]

    def test_without_a_list_of_zones_none_is_taken(self) -> None:
        assert folded(compiled({}), moved(NOON, "Asia/Tokyo")).zone == ""

    def test_dropping_series_keeps_when_the_zone_was_told(self) -> None:
        profile = folded(
            compiled({"x": {"last": "bought.amount"}}, zones=ZONES), moved(NOON, "Asia/Tokyo"), bought(NOON)
        )
        fold(profile, moved(NOON - 1, "Europe/Paris"), compiled({}, zones=ZONES))
        assert profile.zone == "Asia/Tokyo"


class TestPolicySwitch:
    def test_a_window_that_reaches_before_its_series_was_kept_is_missing(self) -> None:
        before, after = compiled({}), one({"count": "bought", "window": "7d"})
        complete_from: dict[str, int] = {}
        switch_series(complete_from, before, after, NOON)
        profile = folded(after, bought(NOON + HOUR_MS))
        midnight = NOON - 12 * HOUR_MS
        assert compute(profile, after, midnight + 7 * DAY_MS - 1, complete_from) == [None]
        assert compute(profile, after, midnight + 7 * DAY_MS, complete_from) == [0]

    def test_a_new_recency_is_known_once_an_event_has_come(self) -> None:
        before, after = (
            compiled({}),
            compiled({"a": {"recency": "bought", "unit": "h"}, "b": {"last": "bought.amount"}}),
        )
        complete_from: dict[str, int] = {}
        switch_series(complete_from, before, after, NOON)
        profile = folded(after, bought(NOON - HOUR_MS))
        assert compute(profile, after, NOON + DAY_MS, complete_from) == [None, None]
        fold(profile, bought(NOON + HOUR_MS), after)
        assert compute(profile, after, NOON + DAY_MS, complete_from) == [23, 5]

    def test_a_new_category_is_missing_where_the_others_are_known(self) -> None:
        section = {
            "a": {"count": "bought", "window": "7d", "by": "category"},
            "b": {"recency": "bought", "unit": "d", "by": "category"},
        }
        before, after = compiled(section, ["tea"]), compiled(section, ["tea", "bread"])
        complete_from: dict[str, int] = {}
        switch_series(complete_from, before, after, NOON)
        assert compute(folded(before, bought(NOON)), after, NOON, complete_from) == [None, 1, None, 0]
