"""The artefact of an online model: weights, and all its learner needs to go on.

Plain msgpack, so that loading it runs nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from agents.workers.contract import ModelRefusedError


class KeyWeights(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """A logistic regression on standardised terms, for one key. Lists are in the order of the terms."""

    learned: int  # examples
    intercept: float
    weights: list[float]
    counts: list[int]  # values seen of a term
    means: list[float]
    variances: list[float]


class Weights(msgspec.Struct, forbid_unknown_fields=True):
    """One logistic regression for each key, on the same terms: each feature, then whether each is missing."""

    names: list[str]  # of features
    keys: list[str]
    models: list[KeyWeights]  # by key
    progress: bytes = b""  # the learner's own


def compress(value: float) -> float:
    """Return the value on the scale the model learns on: counts, days and money are long-tailed, logarithms are not."""
    return math.log1p(value) if value >= 0 else -math.log1p(-value)


def encode_weights(weights: Weights) -> bytes:
    """Return the artefact."""
    return msgspec.msgpack.encode(weights)


def decode_weights(artefact: bytes) -> Weights:
    """Return the weights; raise ModelRefusedError for anything that is not a whole artefact."""
    try:
        weights = msgspec.msgpack.decode(artefact, type=Weights)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ModelRefusedError(f"expected the weights of an online model: {error}") from None
    if len(weights.models) != len(weights.keys):
        raise ModelRefusedError(
            f"expected {len(weights.keys)} sets of weights, one for each key; got {len(weights.models)}"
        )
    terms = 2 * len(weights.names)
    for key, model in zip(weights.keys, weights.models, strict=True):
        columns: tuple[Sequence[float], ...] = (model.weights, model.counts, model.means, model.variances)
        if any(len(column) != terms for column in columns):
            raise ModelRefusedError(
                f"expected {terms} terms for key {key!r}; got {[len(column) for column in columns]}"
            )
        if not all(math.isfinite(number) for column in columns for number in (*column, model.intercept)):
            raise ModelRefusedError(f"expected finite weights for key {key!r}")
    return weights
