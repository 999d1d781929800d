"""The suite that every kind of served model passes."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

import pytest

from agents.trainers.online import OnlineLearner, to_terms
from agents.workers.contract import ModelRefusedError, ServedModel
from agents.workers.features import to_row
from agents.workers.kinds import KINDS, serve
from agents.workers.layout import lay_out
from tests import examples_of_models as made


@dataclass(frozen=True)
class Case:
    """A version to serve, and what its answers look like."""

    kind: str
    artefact: bytes
    inputs: tuple[str, ...]
    outputs: int
    gives: str
    rounding: float  # how far an answer may move with the rows beside it


@pytest.fixture(scope="module", params=["online by key", "online", "onnx classifier", "onnx regressor"])
def case(request: pytest.FixtureRequest) -> Case:
    match request.param:
        case "online by key":
            return Case("online", made.learned(800).snapshot().artefact, made.INPUTS, 2, "propensity", 0.0)
        case "online":
            layout = lay_out(made.PLAIN)
            learner = OnlineLearner("again", layout, 100_000_000)
            for number in range(800):
                learner.take(made.example(number, keys=(), inputs=made.PLAIN))
            return Case("online", learner.snapshot().artefact, made.PLAIN, 1, "propensity", 0.0)
        case "onnx classifier":
            return Case("onnx", made.graph("classifier"), made.PLAIN, 1, "propensity", 1e-6)
        case _:
            return Case("onnx", made.graph("regressor"), made.PLAIN, 1, "money", 1e-5)


@pytest.fixture
def served(case: Case) -> ServedModel:
    return serve(made.version(case.kind, case.artefact, case.inputs))


@pytest.fixture
def rows(case: Case) -> list[list[float]]:
    draw = random.Random(11)
    return [to_row(made.features(draw, case.inputs)) for _ in range(300)]


def test_every_kind_has_a_case(case: Case) -> None:
    assert case.kind in KINDS


def test_one_answer_a_row_in_order(case: Case, served: ServedModel, rows: list[list[float]]) -> None:
    answers = served.answer(rows)
    assert [len(answer) for answer in answers] == [case.outputs] * len(rows)
    for answer, again in zip(answers, served.answer(rows[::-1])[::-1], strict=True):
        assert again == pytest.approx(answer, abs=case.rounding)


def test_answers_differ_between_persons(served: ServedModel, rows: list[list[float]]) -> None:
    assert len({tuple(answer) for answer in served.answer(rows)}) > len(rows) // 10


def test_an_answer_does_not_depend_on_the_rows_beside_it(
    case: Case, served: ServedModel, rows: list[list[float]]
) -> None:
    together = served.answer(rows)
    for row, answer in zip(rows, together, strict=True):
        (alone,) = served.answer([row])
        assert all(abs(a - b) <= case.rounding for a, b in zip(alone, answer, strict=True))


def test_the_same_rows_get_the_same_answer_also_from_a_fresh_load(
    case: Case, served: ServedModel, rows: list[list[float]]
) -> None:
    answers = served.answer(rows)
    assert served.answer(rows) == answers
    assert serve(made.version(case.kind, case.artefact, case.inputs)).answer(rows) == answers


def test_answering_leaves_the_rows_alone(served: ServedModel, rows: list[list[float]]) -> None:
    before = repr(rows)
    served.answer(rows)
    assert repr(rows) == before


def test_missing_values_are_answered(case: Case, served: ServedModel) -> None:
    for outputs in served.answer([[math.nan] * len(case.inputs), [0.0] * len(case.inputs)]):
        assert all(math.isfinite(output) for output in outputs)


def test_a_propensity_is_between_0_and_1_for_any_row(case: Case, served: ServedModel) -> None:
    wide = [[sign * 10.0**power] * len(case.inputs) for power in (0, 6, 12, 30) for sign in (1, -1)]
    for outputs in served.answer(wide):
        if case.gives == "propensity":
            assert all(0.0 <= output <= 1.0 for output in outputs)
        assert all(isinstance(output, float) for output in outputs)


@pytest.mark.parametrize("artefact", [b"", b"\x00", b"not a model", b"\x80\x04K\x01."], ids=repr)
def test_garbage_is_refused(case: Case, artefact: bytes) -> None:
    with pytest.raises(ModelRefusedError):
        serve(made.version(case.kind, artefact, case.inputs))


def test_a_truncated_artefact_is_refused(case: Case) -> None:
    with pytest.raises(ModelRefusedError):
        serve(made.version(case.kind, case.artefact[:-20], case.inputs))


def test_other_inputs_are_refused(case: Case) -> None:
    with pytest.raises(ModelRefusedError):
        serve(made.version(case.kind, case.artefact, (*case.inputs, "one_more")))


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ModelRefusedError, match="online or onnx"):
        serve(made.version("pickle", b"", made.PLAIN))


def test_a_graph_that_answers_in_maps_is_refused() -> None:
    with pytest.raises(ModelRefusedError, match="zipmap off"):
        serve(made.version("onnx", made.graph(zipmap=True), made.PLAIN))


def test_what_is_served_online_is_what_river_says() -> None:
    learner = made.learned(800)
    layout = lay_out(made.INPUTS, made.KEYS)
    served = serve(made.version("online", learner.snapshot().artefact, made.INPUTS))
    draw = random.Random(5)
    for _ in range(200):
        row = to_row(made.features(draw))
        expected = [
            learner._regressions[key].score(to_terms(row, layout.names, layout.columns[at]))
            for at, key in enumerate(layout.keys)
        ]
        assert served.answer([row])[0] == pytest.approx(expected, abs=1e-12)
