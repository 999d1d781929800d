from __future__ import annotations

import pytest

from streams.decision.calibrate import Estimates, calibrate, read_answers
from streams.records import Calibrator
from streams.rows import Answer
from tests.builders import compiled, small_policy

BINNED = Calibrator("c1", [100, 200], [1, 2, 3])
BOARD = compiled().points["checkout"].board


@pytest.mark.parametrize(("output", "value"), [(0, 1), (99, 1), (100, 2), (199, 2), (200, 3), (10**9, 3)])
def test_an_output_on_an_edge_falls_in_the_upper_bin(output: int, value: int) -> None:
    assert calibrate(BINNED, [output]) == [value]


def estimate(
    answers: dict[str, Answer], calibrators: dict[str, Calibrator | None] | None = None, **sections: object
) -> Estimates:
    """Return what a decision would compute with."""
    board = compiled(**sections).points["checkout"].board
    return Estimates(board, read_answers(board, answers, calibrators or {}))


def test_a_calibrated_answer_is_taken() -> None:
    answers = {
        "next_purchase": Answer("v1", "ok", [50, 150]),
        "lapse": Answer("v1", "ok", [250]),
        "basket": Answer("v1", "ok", [44_000_000]),
    }
    found = estimate(answers, {"next_purchase": BINNED, "lapse": BINNED})
    assert (found.propensities, found.meta_ppm, found.flags) == ([1, 2, 3], 1_100_000, [])


def test_without_a_calibrator_or_when_cold_the_prior_stands_in() -> None:
    answers = {
        "next_purchase": Answer("v1", "ok", [50, 150]),
        "lapse": Answer("", "cold", []),
        "basket": Answer("", "cold", []),
    }
    found = estimate(answers)
    assert found.propensities == [20_000_000, 20_000_000, 100_000_000]
    assert found.flags == ["prior:next_purchase", "prior:lapse", "prior:basket"]
    assert found.meta_ppm == 1_000_000


@pytest.mark.parametrize(
    "answer", [Answer("v1", "error", []), Answer("v1", "missing", []), Answer("v1", "ok", [1]), None]
)
def test_an_answer_that_is_none_degrades(answer: Answer | None) -> None:
    answers = {"next_purchase": answer} if answer else {}
    found = estimate(answers, {"next_purchase": BINNED})
    assert found.flags == ["degraded:next_purchase", "degraded:lapse", "degraded:basket"]
    assert found.refused == 0


def test_a_required_model_that_does_not_answer_refuses_who_needs_it() -> None:
    models = small_policy()["models"]
    models["next_purchase"]["required"] = True
    assert estimate({}, models=models).refused == 0b000111
    assert estimate({"next_purchase": Answer("", "cold", [])}, models=models).refused == 0


@pytest.mark.parametrize(
    ("answer", "meta"),
    [(28_000_000, 700_000), (1, 700_000), (-1, 700_000), (52_000_001, 1_300_000), (40_000_001, 1_000_000)],
)
def test_the_meta_model_is_clipped(answer: int, meta: int) -> None:
    assert estimate({"basket": Answer("v1", "ok", [answer])}).meta_ppm == meta


def test_readings_say_what_was_asked_in_the_policys_order() -> None:
    readings = read_answers(BOARD, {"lapse": Answer("v2", "ok", [250], 5, 7)}, {"lapse": BINNED})
    assert [(r.model, r.status) for r in readings] == [
        ("next_purchase", "missing"),
        ("lapse", "ok"),
        ("basket", "missing"),
    ]
    assert (
        readings[1].calibrator_id,
        readings[1].propensities_ppb,
        readings[1].cost_micro,
        readings[1].latency_ms,
    ) == ("c1", [3], 5, 7)
