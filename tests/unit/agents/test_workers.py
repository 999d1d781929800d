"""Answering: rows, versions, micro-batches, the inline port."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from agents.workers.answering import answer, live
from agents.workers.contract import RowRefusedError
from agents.workers.features import to_row
from agents.workers.inline import InlineModels
from agents.workers.layout import lay_out
from agents.workers.shelf import VERSIONS_MAX, Loaded, Shelf
from streams.records import Feature, Request
from tests import examples_of_models as made


class Doubling:
    """A model that doubles its only input, and cannot stand 13."""

    def load(self, artefact: bytes, inputs: Sequence[str]) -> None:
        """Nothing to load."""

    def answer(self, rows: list[list[float]]) -> list[list[float]]:
        if any(row == [13.0] for row in rows):
            raise ZeroDivisionError
        return [[row[0] * 2] for row in rows]


def find(version: str) -> Loaded | None:
    return Loaded(Doubling(), 1) if version == "v1" else None


def request(number: int, features: list[Feature], version: str = "v1", deadline_at: int = 0) -> Request:
    return Request(f"call-{number}", f"round-{number}", version, 0, deadline_at, features)


def asked(*items: Request) -> list[tuple[str, list[float]]]:
    return [(one.status, one.outputs) for one in answer(list(items), find, lambda: 0)]


def test_a_row_is_numbers_flags_and_nan() -> None:
    row = to_row([3, True, False, None, -2])
    assert row[:3] == [3.0, 1.0, 0.0]
    assert math.isnan(row[3])
    assert all(type(value) is float for value in row)


def test_text_and_giants_are_no_row() -> None:
    with pytest.raises(RowRefusedError, match="feature 1 is the text 'soup'"):
        to_row([1, "soup"])
    with pytest.raises(RowRefusedError, match="308"):
        to_row([10**400])


def test_answers_come_in_the_order_of_the_requests_whatever_their_versions() -> None:
    items = [request(1, [1]), request(2, [2], "v0"), request(3, [3])]
    proposals = answer(items, find, lambda: 0)
    assert [one.call_id for one in proposals] == ["call-1", "call-2", "call-3"]
    assert [one.round_id for one in proposals] == ["round-1", "round-2", "round-3"]
    assert [(one.version, one.status, one.outputs) for one in proposals] == [
        ("v1", "ok", [2.0]), ("v0", "cold", []), ("v1", "ok", [6.0]),
    ]  # fmt: skip


def test_one_bad_row_is_one_error() -> None:
    assert asked(request(1, [1]), request(2, ["text"]), request(3, [1, 2]), request(4, [4])) == [
        ("ok", [2.0]), ("error", []), ("error", []), ("ok", [8.0]),
    ]  # fmt: skip


def test_a_row_on_which_the_model_fails_does_not_fail_its_neighbours() -> None:
    assert asked(request(1, [1]), request(2, [13]), request(3, [3])) == [("ok", [2.0]), ("error", []), ("ok", [6.0])]
    assert asked(request(1, [13])) == [("error", [])]


def test_an_answer_that_is_no_number_is_an_error() -> None:
    assert asked(request(1, [None]), request(2, [2])) == [("error", []), ("ok", [4.0])]


def test_the_time_taken_is_told() -> None:
    ticks = iter([100, 107])
    (proposal,) = answer([request(1, [1])], find, lambda: next(ticks))
    assert proposal.latency_ms == 7


def test_expired_requests_are_dropped_and_those_without_deadline_are_not() -> None:
    items = [request(1, [1], deadline_at=99), request(2, [1], deadline_at=100), request(3, [1])]
    assert [item.call_id for item in live(items, 100)] == ["call-2", "call-3"]


def test_a_layout_gives_each_key_the_shared_inputs_and_its_own() -> None:
    layout = lay_out(made.INPUTS, made.KEYS)
    assert layout.names == ("baskets", "member", "bought", "days")
    assert layout.columns == ((0, 5, 1, 3), (0, 5, 2, 4))


def test_a_layout_without_keys_is_all_inputs() -> None:
    assert lay_out(made.INPUTS).names == made.INPUTS


def test_a_keyed_input_needs_a_value_for_every_key() -> None:
    with pytest.raises(ValueError, match="bought is keyed, but has no value for soup"):
        lay_out(["bought.bread"], made.KEYS)


def test_a_shelf_keeps_the_last_versions_and_loads_a_repeated_graph_once() -> None:
    shelf = Shelf()
    graph = made.graph()
    for number in range(VERSIONS_MAX + 2):
        shelf.put(made.version("onnx", graph, made.PLAIN, f"v{number}"))
    assert shelf.names() == [f"v{number}" for number in range(2, VERSIONS_MAX + 2)]
    assert not shelf.has("v0")
    first, second = shelf.get("v2"), shelf.get("v3")
    assert first is not None
    assert first is second
    assert shelf.get("v0") is None


def test_a_shelf_holds_no_heartbeat_and_refuses_a_bad_version_once() -> None:
    shelf = Shelf()
    shelf.put(made.version("heartbeat", b"", []))
    shelf.put(made.version("onnx", b"garbage", made.PLAIN, "bad"))
    assert shelf.names() == ["bad"]
    assert shelf.get("bad") is None
    assert shelf.get("bad") is None


def test_inline_models_answer_with_the_version_they_are_asked_for() -> None:
    models = InlineModels()
    assert models.answer("again", "v1", [1, 2, True]) is None
    models.learn(made.version("onnx", made.graph("regressor"), made.PLAIN, "v1"))
    assert models.answer("again", "v2", [1, 2, True]) is None
    assert models.answer("other", "v1", [1, 2, True]) is None
    assert models.answer("again", "v1", [10, 2, True]) == pytest.approx([21.0], abs=0.01)
    assert not models.failures


def test_an_inline_model_that_fails_is_counted_and_answers_nothing() -> None:
    models = InlineModels()
    models.learn(made.version("onnx", made.graph("regressor"), made.PLAIN, "v1"))
    assert models.answer("again", "v1", [10]) is None
    assert models.answer("again", "v1", [10, "text", True]) is None
    assert models.failures["again"] == 2
