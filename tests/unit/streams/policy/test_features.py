"""The `features` section: what it compiles to, and what it says about mistakes."""

from __future__ import annotations

from typing import Any, Final

import pytest

from streams.policy.events import EventType
from streams.policy.features import Features, compile_features, series_keys, switch_series
from streams.policy.problems import Problem
from streams.policy.series import AHEAD_MS, DAY_MS, HOUR_MS, MINUTE_MS, pane_width

EVENTS = {
    "bought": EventType(
        "bought",
        {"category": "string", "amount": "money", "pieces": "int", "weight": "number", "gift": "bool"},
        frozenset({"gift"}),
        "",
    ),
    "visited": EventType("visited", {"page": "string", "zone": "string"}, frozenset(), ""),
}
CATEGORIES = ["tea", "bread", "soup"]


def compiled(section: dict[str, Any], categories: list[str] = CATEGORIES) -> Features:
    problems: list[Problem] = []
    features = compile_features(section, EVENTS, categories, problems)
    assert problems == []
    return features


def problems_of(section: object, categories: list[str] = CATEGORIES) -> list[Problem]:
    problems: list[Problem] = []
    compile_features(section, EVENTS, categories, problems)
    return problems


def test_keyed_features_have_one_name_per_category_in_sorted_order() -> None:
    features = compiled(
        {
            "visits_7d": {"count": "visited", "window": "7d"},
            "bought_d": {"recency": "bought", "unit": "d", "by": "category"},
        }
    )
    assert features.names == ["bought_d.bread", "bought_d.soup", "bought_d.tea", "visits_7d"]
    assert features.keyed == {"bought_d": "int"}
    assert features.categories == ("bread", "soup", "tea")


def test_the_order_of_declarations_does_not_matter() -> None:
    section = {
        "b": {"count": "visited", "window": "7d"},
        "a": {"last": "visited.page"},
        "c": {"distinct": "visited.page", "window": "2d"},
    }
    assert compiled(section) == compiled(dict(reversed(section.items())))


def test_types_are_those_of_conditions() -> None:
    features = compiled({
        "page": {"last": "visited.page"},
        "gift": {"last": "bought.gift"},
        "amount": {"last": "bought.amount"},
        "spend": {"sum": "bought.amount", "window": "1d"},
    })  # fmt: skip
    assert features.types == {"page": "str", "gift": "bool", "amount": "int", "spend": "int"}


def test_features_that_agree_in_pane_width_share_a_series() -> None:
    features = compiled({
        "visits_7d": {"count": "visited", "window": "7d"},
        "visits_28d": {"count": "visited", "window": "28d"},
        "visits_1d": {"count": "visited", "window": "1d"},
    })  # fmt: skip
    days, hours = sorted(features.by_event["visited"], key=lambda series: -series.pane_ms)
    assert (days.pane_ms, days.panes_max) == (DAY_MS, 28 + 1)
    assert (hours.pane_ms, hours.panes_max) == (HOUR_MS, 24 + 1)


@pytest.mark.parametrize(
    ("window_ms", "width_ms"),
    [
        (0, 0),
        (MINUTE_MS, MINUTE_MS),
        (DAY_MS - MINUTE_MS, MINUTE_MS),
        (DAY_MS, HOUR_MS),
        (7 * DAY_MS - HOUR_MS, HOUR_MS),
        (7 * DAY_MS, DAY_MS),
        (400 * DAY_MS, DAY_MS),
    ],
)
def test_the_window_alone_sets_the_pane_width(window_ms: int, width_ms: int) -> None:
    assert pane_width(window_ms) == width_ms


@pytest.mark.parametrize(
    ("body", "path", "said"),
    [
        ("count", (), "expected a mapping"),
        ({}, (), "expected exactly one of count, sum, distinct, recency, last, got none"),
        ({"count": "visited", "sum": "bought.amount", "window": "1d"}, (), "got count, sum"),
        ({"count": "visted", "window": "1d"}, ("count",), "did you mean 'visited'?"),
        ({"count": ["visited"], "window": "1d"}, ("count",), "unknown event type"),
        ({"count": "visited"}, ("window",), "got None"),
        ({"count": "visited", "window": "28"}, ("window",), "expected a number and d, h or m"),
        ({"count": "visited", "window": 28}, ("window",), "got 28"),
        ({"count": "visited", "window": "0d"}, ("window",), "got '0d'"),
        ({"count": "visited", "window": "90s"}, ("window",), "got '90s'"),
        ({"count": "visited", "window": "401d"}, ("window",), "at most 400d"),
        ({"count": "visited", "window": "1d", "unit": "d"}, ("unit",), "unknown beside count: expected window and by"),
        ({"sum": "bought", "window": "1d"}, ("sum",), "expected event.property, got 'bought'"),
        ({"sum": "bought.amuont", "window": "1d"}, ("sum",), "bought has no property 'amuont': did you mean 'amount'?"),
        ({"sum": "bought.weight", "window": "1d"}, ("sum",), "weight is a number: sum takes int or money"),
        ({"distinct": "bought.gift", "window": "1d"}, ("distinct",), "gift is a bool"),
        ({"last": "bought.weight"}, ("last",), "weight is a number"),
        ({"last": "bought.amount", "window": "1d"}, ("window",), "unknown beside last: expected by"),
        ({"recency": "visited"}, ("unit",), "got None"),
        ({"recency": "visited", "unit": "w"}, ("unit",), "expected s, m, h, d, got 'w'"),
        ({"recency": "visited", "unit": "d", "by": "page"}, ("by",), "expected category, got 'page'"),
        ({"recency": "visited", "unit": "d", "by": "category"}, ("by",), "visited has no property category"),
    ],
)
def test_a_mistake_is_told_with_its_path(body: object, path: tuple[str, ...], said: str) -> None:
    (problem,) = problems_of({"x": body})
    assert problem.path == ("features", "x", *path)
    assert said in problem.message


@pytest.mark.parametrize("name", ["Spend", "7d", "a.b", "", "not", 3, None])
def test_a_name_must_be_able_to_stand_in_a_condition(name: object) -> None:
    (problem,) = problems_of({name: {"last": "visited.page"}})
    assert problem.path == ("features", str(name))


def test_all_mistakes_are_told_at_once() -> None:
    section = {
        "Bad": {"sum": "bought.weight", "window": "9", "by": "colour", "spare": 1},
        "worse": 7,
        "good": {"last": "visited.page"},
    }
    assert [problem.path[1:] for problem in problems_of(section)] == [
        ("Bad",), ("Bad", "spare"), ("Bad", "sum"), ("Bad", "by"), ("Bad", "window"), ("worse",),
    ]  # fmt: skip


def test_a_section_must_be_a_mapping() -> None:
    (problem,) = problems_of(["count"])
    assert problem.path == ("features",)


def test_keyed_features_need_a_catalogue() -> None:
    (problem,) = problems_of({"x": {"recency": "bought", "unit": "d", "by": "category"}}, [])
    assert problem.message == "the policy has no categories"


def test_two_series_never_share_a_key() -> None:
    # The first two of e0, e1, … whose counts by the day fall on one 32-bit key.
    first, second = "e18224", "e78995"
    events = {name: EventType(name, {}, frozenset(), "") for name in (first, second)}
    problems: list[Problem] = []
    section = {"a": {"count": first, "window": "7d"}, "b": {"count": second, "window": "7d"}}
    compile_features(section, events, [], problems)
    assert [problem.path for problem in problems] == [("features", "b")]


class TestSwitch:
    NOW = 17_000 * DAY_MS + 5 * HOUR_MS
    LONG: Final = {"visits_28d": {"count": "visited", "window": "28d"}}
    SHORT: Final = {"visits_7d": {"count": "visited", "window": "7d"}}

    def test_the_same_features_need_no_entry(self) -> None:
        complete_from: dict[str, int] = {}
        switch_series(complete_from, compiled(self.LONG), compiled(self.LONG), self.NOW)
        assert complete_from == {}

    def test_a_new_series_is_complete_from_now(self) -> None:
        complete_from: dict[str, int] = {}
        before, after = compiled(self.LONG), compiled(self.LONG | {"page": {"last": "visited.page"}})
        switch_series(complete_from, before, after, self.NOW)
        assert list(complete_from.values()) == [self.NOW + AHEAD_MS]
        assert set(complete_from) == series_keys(after) - series_keys(before)

    def test_a_shorter_window_of_a_kept_series_is_complete_at_once(self) -> None:
        complete_from: dict[str, int] = {}
        after = compiled(self.SHORT)
        switch_series(complete_from, compiled(self.LONG), after, self.NOW)
        assert complete_from[after.columns[0].window] <= after.columns[0].begins_at(self.NOW)

    def test_a_longer_window_knows_as_far_back_as_the_shorter_one_reached(self) -> None:
        complete_from: dict[str, int] = {}
        before, after = compiled(self.SHORT), compiled(self.LONG)
        switch_series(complete_from, before, after, self.NOW)
        assert list(complete_from.values()) == [before.columns[0].begins_at(self.NOW)]

    def test_what_was_known_late_stays_known_late(self) -> None:
        before, after = compiled(self.LONG), compiled(self.SHORT)
        complete_from = {before.columns[0].window: self.NOW - HOUR_MS}
        switch_series(complete_from, before, after, self.NOW)
        assert complete_from == {after.columns[0].window: self.NOW - HOUR_MS}

    def test_a_new_category_is_complete_from_now_and_a_dropped_one_is_forgotten(self) -> None:
        complete_from = {"category:soup": 1}
        switch_series(complete_from, compiled(self.LONG), compiled(self.LONG, ["tea", "bread", "rice"]), self.NOW)
        assert complete_from == {"category:rice": self.NOW + AHEAD_MS}
