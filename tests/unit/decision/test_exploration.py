from __future__ import annotations

import pytest

from streams.decision.exploration import choose, draw, pick, quantise
from streams.decision.verdict import WHOLE
from streams.policy.sampling import Exploration
from tests.builders import compiled, small_policy

BOARD = compiled().points["checkout"].board


def test_the_vector_of_the_specification() -> None:
    assert quantise(50_000, 4, 0) == (4_133_906_023, 53_687_091, 53_687_091, 53_687_091)
    assert draw("explore:v1", "d-0001") == 2_101_994_879
    assert pick(quantise(50_000, 4, 0), 2_101_994_879) == 0


def test_what_rounding_leaves_goes_to_the_largest_remainders() -> None:
    assert quantise(1_000_000, 3, 1) == (1_431_655_766, 1_431_655_765, 1_431_655_765)
    assert quantise(0, 1, 0) == (WHOLE,)


@pytest.mark.parametrize(("u", "arm"), [(0, 0), (9, 0), (10, 1), (WHOLE - 1, 2)])
def test_a_draw_falls_in_the_share_that_begins_with_it(u: int, arm: int) -> None:
    assert pick((10, 20, WHOLE - 30), u) == arm


def test_only_candidates_near_the_best_are_drawn() -> None:
    scores = [1_000, 500, 499]
    choice = choose(BOARD, Exploration(50_000, 500, "s"), [0, 1, 2], scores, {}, "d")
    assert choice.explored == [0, 1]
    assert sum(choice.q) == WHOLE


def test_no_candidate_is_drawn_with_less_than_a_thousandth() -> None:
    scores = [100, 99, 98, 97]
    choice = choose(BOARD, Exploration(2_000, 500, "s"), [0, 1, 2, 3], scores, {}, "d")
    assert choice.explored == [0, 1]
    assert choice.ranked == [0, 1, 2, 3]
    assert min(choice.q) >= WHOLE // 1000
    assert choose(BOARD, Exploration(0, 500, "s"), [0, 1], scores[:2], {}, "d").q == [WHOLE]


def test_tier_0_comes_first_and_is_never_explored() -> None:
    choice = choose(BOARD, Exploration(500_000, 10**9, "s"), [0, 2, 5], [10**9, 10**8, 1], {}, "d")
    assert (choice.chosen, choice.explored, choice.q) == (5, [5], [WHOLE])


def test_ties_go_by_category_priority_then_by_what_was_shown_longest_ago() -> None:
    none = Exploration(0, 0, "s")
    equal = [7, 7]
    assert choose(BOARD, none, [2, 4], equal, {}, "d").best == 2  # soup has priority over bread
    assert choose(BOARD, none, [1, 2], equal, {"soup_off": 5}, "d").best == 2  # never shown comes first
    assert choose(BOARD, none, [1, 2], equal, {"soup_more": 6, "soup_off": 5}, "d").best == 1
    assert choose(BOARD, none, [0, 1], equal, {}, "d").best == 0  # two treatments of one action: the catalogue's order


def test_the_last_tie_breaker_favours_no_action() -> None:
    equal = [7, 7]
    firsts = {choose(BOARD, Exploration(0, 0, "s"), [1, 2], equal, {}, f"d{n}").best for n in range(20)}
    assert firsts == {1, 2}


def test_the_draw_follows_the_probabilities() -> None:
    """χ² of 20,000 decisions over four arms; the 0.999 quantile for 3 degrees of freedom is 16.27."""
    q, total = quantise(400_000, 4, 2), 20_000
    drawn = [pick(q, draw("salt", f"d-{n}")) for n in range(total)]
    expected = [total * share / WHOLE for share in q]
    assert sum((drawn.count(arm) - expected[arm]) ** 2 / expected[arm] for arm in range(4)) < 16.27


def test_small_policy_explores() -> None:
    assert compiled(exploration=small_policy()["exploration"]).exploration == Exploration(50_000, 500_000, "explore:v1")
