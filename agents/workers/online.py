"""Serves what the online trainer learned: the logistic regressions of all keys in a few array operations.

River learns and this answers; `tests/contracts/test_model_workers.py` holds them equal. A term's standardised value is
`(x − mean) / √variance`, or 0 where nothing varied yet or the value is missing. So weight, mean and deviation fold into
a factor for each value, an amount for each absence, and a constant.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from agents.workers.contract import ModelRefusedError
from agents.workers.layout import lay_out
from agents.workers.weights import decode_weights

# River's bounds; beyond them a propensity is 0 or 1 to nine digits anyway. Arrays, or every ufunc would make them ones.
_LOGIT_MIN: Final = np.array(-30.0)
_LOGIT_MAX: Final = np.array(30.0)
_ONE: Final = np.array(1.0)


class OnlineModel:
    """A served version of an online model: one propensity, or one for each category."""

    def __init__(self) -> None:
        self._columns: npt.NDArray[np.intp] = np.empty((0, 0), dtype=np.intp)  # key x feature: where in a row
        self._factors: npt.NDArray[np.float64] = np.empty((0, 0))  # key x feature
        self._absences: npt.NDArray[np.float64] = np.empty((0, 0))  # key x feature
        self._constants: npt.NDArray[np.float64] = np.empty(0)  # key

    def load(self, artefact: bytes, inputs: Sequence[str]) -> None:
        """Fold weights, means and deviations of every key into the arrays."""
        weights = decode_weights(artefact)
        try:
            layout = lay_out(inputs, weights.keys if weights.keys != [""] else ())
        except ValueError as error:
            raise ModelRefusedError(str(error)) from None
        if list(layout.names) != weights.names:
            raise ModelRefusedError(f"expected weights for {', '.join(layout.names)}; got {', '.join(weights.names)}")
        features = len(weights.names)
        means = np.array([model.means for model in weights.models])
        variances = np.array([model.variances for model in weights.models])
        slopes = np.array([model.weights for model in weights.models])
        varied = variances > 0
        factors = np.where(varied, slopes, 0.0) / np.sqrt(np.where(varied, variances, 1.0))
        shifts = factors * means
        self._columns = np.array(layout.columns, dtype=np.intp)
        # Negated: what the logistic function takes the exponential of is the logit's opposite.
        self._factors = -factors[:, :features]
        self._absences = -(shifts[:, :features] + factors[:, features:])
        self._constants = shifts.sum(axis=1) - np.array([model.intercept for model in weights.models])

    def answer(self, rows: list[list[float]]) -> list[list[float]]:
        """Return the propensities, by key, of every row."""
        # Ufuncs themselves: for one row, `sum`, `any` and `clip` around them cost more than they do.
        matrix = np.array(rows, dtype=np.float64)
        absent = np.isnan(matrix)
        is_lacking = 1 in absent.tobytes()
        if is_lacking:
            matrix[absent] = 0.0
        compressed = np.copysign(np.log1p(np.abs(matrix)), matrix)
        # No matrix product, no fancy index: along a contiguous last axis a sum adds in one order for one row and for
        # many, and then an answer does not depend on the rows beside it; BLAS promises nothing of the kind.
        against = np.add.reduce(compressed.take(self._columns, axis=1) * self._factors, axis=-1)
        if is_lacking:
            against += np.add.reduce(absent.take(self._columns, axis=1) * self._absences, axis=-1)
        against += self._constants
        bounded = np.minimum(np.maximum(against, _LOGIT_MIN), _LOGIT_MAX)
        answers: list[list[float]] = (_ONE / (_ONE + np.exp(bounded))).tolist()
        return answers
