"""What a served model is: it loads one artefact, then answers rows of numbers, as many at once as there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class ModelRefusedError(Exception):
    """This artefact cannot be served; says what was expected and what came. The version is answered `cold`."""


class RowRefusedError(Exception):
    """These features are no row for a model; the one request is answered `error`, its neighbours are not touched."""


class ServedModel(Protocol):
    """One loaded version of a model.

    The suite in `tests/contracts/test_model_workers.py` is the whole of the contract: beyond rounding, an answer does
    not depend on the rows beside it; missing values (nan) are the model's affair; the same rows always get the same
    answer; and nothing but the artefact is read.
    """

    def load(self, artefact: bytes, inputs: Sequence[str]) -> None:
        """Take up an artefact whose rows hold `inputs`, in this order; raise ModelRefusedError if it cannot."""

    def answer(self, rows: list[list[float]]) -> list[list[float]]:
        """Return one list of outputs for each row: one number, or one for each category in sorted order.

        A propensity is in [0, 1], an amount in units of money. May raise; the caller then asks row by row.
        """
