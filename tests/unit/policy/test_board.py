from __future__ import annotations

from streams.policy.bitsets import group, members, union, where
from streams.policy.board import Board
from tests.builders import compiled, small_policy


def board(**sections: object) -> Board:
    """Return the board of the small policy's only decision point."""
    return compiled(**sections).points["checkout"].board


def test_bitsets() -> None:
    assert where([True, False, True]) == 0b101
    assert group(["a", "b", "a"]) == {"a": 0b101, "b": 0b010}
    assert members(0b101) == [0, 2]
    assert members(0) == []
    assert union([1, 4]) == 5


def test_values_are_rounded_once_with_their_incrementality() -> None:
    soup_off = board().candidates[0]
    assert soup_off.values == ((1, 600_000), (2, 25_000))  # purchase of soup: 0.5 · 1.20; retain: 0.05 · 0.50
    assert soup_off.redeemed_at == 1
    assert board().candidates[3].redeemed_at == -1


def test_a_rule_binds_no_transactional_message_unless_it_says_so() -> None:
    windows = {window.rule: window for window in board().windows}
    assert windows["all-7d"].by_value == {"*": 0b011111}
    bound = small_policy()["contact"]
    bound[0]["exempt"] = []
    promo, transactional = board(contact=bound).windows[:2]
    assert (promo.by_value, promo.with_shadows) == ({"*": 0b011111}, True)
    assert (transactional.by_value, transactional.with_shadows) == ({"*": 0b100000}, False)


def test_a_rule_that_binds_no_candidate_has_no_window() -> None:
    rule = {"id": "x", "scope": "intent", "value": "winback", "limit": 1, "window": "day"}
    assert board(contact=[rule]).windows == []


def test_a_limit_of_0_refuses_what_was_never_sent() -> None:
    (window,) = board(contact=[{"id": "x", "scope": "channel", "value": "email", "limit": 0, "window": "day"}]).windows
    assert window.always == 0b001001


def test_who_needs_a_required_model() -> None:
    models = small_policy()["models"]
    for model in models.values():
        model["required"] = True
    assert board(models=models).refused_without == [0b000111, 0b111011, 0b111111]
    assert board().refused_without == [0, 0, 0]


def test_an_assumed_increment_is_flagged() -> None:
    outcomes = small_policy()["outcomes"]
    del outcomes["retain"]["beta"]
    assert board(outcomes=outcomes).assumed == ["assumed_increment:retain"]


def test_an_action_stands_only_at_its_points() -> None:
    bundle = small_policy()
    bundle["decision_points"]["exit"] = bundle["decision_points"]["checkout"]
    bundle["actions"][0]["points"] = ["exit"]
    policy = compiled(actions=bundle["actions"], decision_points=bundle["decision_points"])
    assert policy.points["checkout"].board.size == 4
    assert policy.points["exit"].board.size == 6


def test_an_intent_that_no_candidate_has_conflicts_with_nothing() -> None:
    assert board(conflicts={"intents": [["collect", "upsell"]]}).by_rival == {"collect": 0b000100}


def test_a_loss_that_no_model_here_gives_weighs_nothing() -> None:
    outcomes = small_policy()["outcomes"]
    outcomes["leave"] = {"event": "unsubscribed", "window": "7d", "loses_contact": True}
    assert all(load.losses == () for load in board(outcomes=outcomes).loads)
