"""Every interleaving of two owners, their crashes and the group's changes of mind keeps each record's effect once.

And each rule of the protocol is needed: without it something breaks, in the steps that the explorer names.
"""

from __future__ import annotations

from dataclasses import fields
from time import monotonic

import pytest

from tests.protocol.explorer import explore
from tests.protocol.model import Rules

STEPS = {
    "rebalance", "mark", "crash", "restart", "time out", "hear", "join", "begin", "fence", "settle", "give up",
    "ask for the end", "read", "seek", "apply", "be refused", "commit offsets", "commit", "send", "send the row",
    "release",
}  # fmt: skip


def test_no_order_of_events_breaks_the_protocol_and_none_is_a_dead_end(capsys: pytest.CaptureFixture[str]) -> None:
    began = monotonic()
    explored = explore(Rules())
    with capsys.disabled():
        took_s = monotonic() - began
        print(f"\nthe shard protocol: {explored.states} states, {explored.steps} steps, {took_s:.1f} s")  # noqa: T201
    assert (explored.flaw, explored.path) == ("", ())
    assert explored.names == STEPS


NEEDED = {
    "checks_generation": "goes on from",
    "offsets_last": "goes on from",
    "settles": "goes on from",
    "reads_committed": "goes on from",
    "position_is_committed": "goes on from",
    "position_is_the_rows": "and position",
    "dies_when_refused": "nothing leads to the end",
}


@pytest.mark.parametrize(("rule", "flaw"), NEEDED.items())
def test_without_a_rule_the_protocol_breaks(rule: str, flaw: str) -> None:
    explored = explore(Rules(**{rule: False}))
    assert flaw in explored.flaw
    assert len(explored.path) < 25


def test_every_rule_is_left_out_once() -> None:
    assert NEEDED.keys() == {field.name for field in fields(Rules)}
