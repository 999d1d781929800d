"""The one conversion from features to what a model reads, shared by training, serving and the inline port."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from agents.workers.contract import RowRefusedError
from streams.records import Feature

_MISSING: Final = math.nan


def to_row(features: Sequence[Feature]) -> list[float]:
    """Return the features as numbers: a flag is 0 or 1, a missing value nan, money stays in micro-units.

    Raises RowRefusedError for text, which no model of numbers can read.
    """
    try:
        # Adding 0.0 is the quickest conversion that refuses text: float() would read "3" as a number.
        return [_MISSING if value is None else value + 0.0 for value in features]  # type: ignore[operator]
    except TypeError:
        at, value = next((at, value) for at, value in enumerate(features) if isinstance(value, str))
        raise RowRefusedError(f"expected numbers, flags or nothing; feature {at} is the text {value!r}") from None
    except OverflowError:
        raise RowRefusedError("expected numbers below 10**308; one is larger") from None
