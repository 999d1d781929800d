from __future__ import annotations

from typing import Any

import pytest

from streams.policy.expression import ConditionError, compile_refused, parse
from streams.policy.features import Features
from tests.builders import compiled

FEATURES: Features = compiled().features  # baskets_28d, bought_28d.bread/.soup, last_product, recency_d, spend_28d


def holds(text: str, category: str = "", **values: Any) -> bool:
    """Tell whether a condition holds for these features; those not given are missing."""
    named: dict[str, Any] = {name.replace("__", "."): value for name, value in values.items()}
    refused = compile_refused(dict.fromkeys(parse(text, FEATURES, category), 1))
    return not refused([named.get(name) for name in FEATURES.names])


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("baskets_28d >= 2", {"baskets_28d": 2}, True),
        ("baskets_28d >= 2", {"baskets_28d": 1}, False),
        ("1 < baskets_28d <= 3", {"baskets_28d": 3}, True),
        ("1 < baskets_28d <= 3", {"baskets_28d": 4}, False),
        ("last_product in ('a', 'b')", {"last_product": "b"}, True),
        ("last_product not in ('a', 'b')", {"last_product": "b"}, False),
        ("last_product == 'a' or recency_d < -1 + 2 * 3", {"last_product": "b", "recency_d": 4}, True),
        ("not (baskets_28d > 1 and recency_d > 1)", {"baskets_28d": 2, "recency_d": 2}, False),
        ("baskets_28d - recency_d == 1", {"baskets_28d": 2, "recency_d": 1}, True),
        ("-recency_d <= -3", {"recency_d": 3}, True),
        ("(baskets_28d > 1) == True", {"baskets_28d": 2}, True),
        ("spend_28d > 20_000_000", {"spend_28d": 20_000_001}, True),
        ("bought_28d.soup > bought_28d.bread", {"bought_28d__soup": 2, "bought_28d__bread": 1}, True),
        ("True", {}, True),
        ("False", {}, False),
    ],
)  # fmt: skip
def test_a_condition_means_what_it_says(text: str, values: dict[str, Any], expected: bool) -> None:
    assert holds(text, **values) is expected


def test_a_keyed_feature_means_the_value_of_the_conditions_own_category() -> None:
    assert holds("bought_28d >= 1", "soup", bought_28d__soup=1, bought_28d__bread=0)
    assert not holds("bought_28d >= 1", "bread", bought_28d__soup=1, bought_28d__bread=0)
    assert holds("bought_28d.soup >= 1", "bread", bought_28d__soup=1)


@pytest.mark.parametrize("text", ["recency_d > 60", "not (recency_d > 60)", "recency_d < 1 or baskets_28d >= 0"])
def test_a_missing_feature_fails_its_term_whatever_the_term_says(text: str) -> None:
    assert not holds(text, baskets_28d=1)


def test_a_missing_feature_fails_no_other_term() -> None:
    terms = parse("recency_d > 60 and baskets_28d >= 1", FEATURES)
    refused = compile_refused({term: 1 << place for place, term in enumerate(terms)})
    assert refused([1, None, None, None, None, None]) == 0b01


def test_equal_terms_are_tested_once() -> None:
    (one,) = parse("recency_d>1", FEATURES)
    (other,) = parse("(recency_d > 1)", FEATURES)
    assert one == other


def test_nested_conjunctions_are_one_list_of_terms() -> None:
    assert len(parse("(recency_d > 1 and baskets_28d > 1) and (spend_28d > 1 or recency_d > 2)", FEATURES)) == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("recency > 1", "did you mean 'recency_d'"),
        ("bought_28d.tea > 1", "unknown feature 'bought_28d.tea'"),
        ("bought_28d > 1", "write bought_28d.<category>"),
        ("recency_d", "true or false"),
        ("recency_d > 1.5", "whole number"),
        (f"recency_d > {1 << 63}", "whole number"),
        ("recency_d > None", "whole number"),
        ("recency_d > '1'", "expected int, got str"),
        ("last_product > 'a'", "expected int, got str"),
        ("last_product == 1", "expected str, got int"),
        ("recency_d and True", "expected bool, got int"),
        ("not recency_d", "expected bool, got int"),
        ("-last_product == 1", "expected int, got str"),
        ("recency_d + True == 1", "expected int, got bool"),
        ("recency_d in (1, 'a')", "expected int, got 'a'"),
        ("recency_d in (1, spend_28d)", "expected int, got spend_28d"),
        ("recency_d in ()", "constants in brackets"),
        ("recency_d in baskets_28d", "constants in brackets"),
        ("1 < recency_d in (1, 2)", "constants in brackets"),
        ("recency_d is 1", "not part of the condition language"),
        ("recency_d / 2 > 1", "not part of the condition language"),
        ("+recency_d > 1", "not part of the condition language"),
        ("len(last_product) > 1", "not part of the condition language"),
        ("bought_28d.soup.more > 1", "not part of the condition language"),
        ("(lambda: 1)() > 1", "not part of the condition language"),
        ("recency_d[0] > 1", "not part of the condition language"),
        ("recency_d >", "expected a condition such as"),
        ("recency_d > 1\0", "expected a condition such as"),
        ("(" * 500 + "True" + ")" * 500, "expected a condition such as"),
        ("not " * 600 + "True", "at most 2000 characters"),
        ("-" * 1900 + "recency_d > 1", "expected"),
        ("not " * 60 + "True", "at most 50 deep in each other"),
        ("-" * 60 + "recency_d > 1", "at most 50 deep in each other"),
        ("recency_d" + " + 1" * 60 + " > 1", "at most 50 deep in each other"),
        ("1if recency_d > 1else 2", "expected a condition such as"),
    ],
)  # fmt: skip
def test_what_is_no_condition_is_refused_with_its_reason(text: str, said: str) -> None:
    with pytest.raises(ConditionError, match=said.replace("(", r"\(").replace("<", "<")):
        parse(text, FEATURES)


def test_whether_it_is_a_condition_does_not_depend_on_how_deep_the_stack_is() -> None:
    def parsed(frames: int) -> object:
        return parsed(frames - 1) if frames else parse("not " * 40 + "True", FEATURES)

    assert parsed(400) == parsed(0)
