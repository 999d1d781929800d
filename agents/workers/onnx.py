"""Serves ONNX: one float matrix in, one float matrix out, on one thread; inline and in a process of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import onnxruntime
from onnxruntime import OrtValue

from agents.workers.contract import ModelRefusedError

Matrix: TypeAlias = "npt.NDArray[np.float32]"


class OnnxModel:
    """A served version of an ONNX model.

    Its last output counts (a converted classifier puts labels before probabilities); of two classes' probabilities the
    second is the propensity. Missing values come in as nan: the graph imputes.
    """

    def __init__(self) -> None:
        self._session: Any = None
        self._binding: Any = None  # of the two matrices of one row
        self._one_in: Matrix
        self._one_out: Matrix
        self._input = ""
        self._outputs = [""]
        self._classes = False

    def load(self, artefact: bytes, inputs: Sequence[str]) -> None:
        """Start a session and ask it once, so that a graph which cannot answer is refused now and not at a decision."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.log_severity_level = 4  # what fails is raised; its log line would say it twice
        try:
            session = onnxruntime.InferenceSession(artefact, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # noqa: BLE001 — onnxruntime's errors have no class in common but this one
            raise ModelRefusedError(f"expected an ONNX graph: {_first_line(error)}") from None
        taken, given = session.get_inputs(), session.get_outputs()[-1]
        if len(taken) != 1 or taken[0].type != "tensor(float)" or taken[0].shape[-1] not in {len(inputs), None}:
            raise ModelRefusedError(
                f"expected one float matrix of {len(inputs)} columns as input; "
                f"got {', '.join(f'{one.name}: {one.type} {one.shape}' for one in taken)}"
            )
        if given.type != "tensor(float)":
            raise ModelRefusedError(
                f"expected a float matrix as last output (zipmap off); got {given.name}: {given.type}"
            )
        self._session, self._input, self._outputs = session, taken[0].name, [given.name]
        self._classes = len(session.get_outputs()) > 1 and given.shape[-1] == 2
        try:
            self._one_in = np.zeros((1, len(inputs)), dtype=np.float32)
            self._one_out = self._run(self._one_in)
        except Exception as error:  # noqa: BLE001 — the same
            raise ModelRefusedError(
                f"expected an answer to a row of {len(inputs)} zeros: {_first_line(error)}"
            ) from None
        self._binding = session.io_binding()
        self._binding.bind_ortvalue_input(self._input, OrtValue.ortvalue_from_numpy(self._one_in))
        self._binding.bind_ortvalue_output(given.name, OrtValue.ortvalue_from_numpy(self._one_out))

    def answer(self, rows: list[list[float]]) -> list[list[float]]:
        """Run the graph once for all rows; for one row in memory that stays, which halves what it costs."""
        if len(rows) == 1:
            self._one_in[0] = rows[0]
            self._session.run_with_iobinding(self._binding)
            result = self._one_out
        else:
            result = self._run(np.array(rows, dtype=np.float32))
        if self._classes:
            result = result[:, 1:]
        elif result.ndim == 1:
            result = result[:, None]
        answers: list[list[float]] = result.tolist()
        return answers

    def _run(self, matrix: Matrix) -> Matrix:
        result: Matrix = self._session.run(self._outputs, {self._input: matrix})[0]
        return result


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
