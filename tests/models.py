"""Online models with weights that a test chooses: real artefacts, served by the worker's own code."""

from __future__ import annotations

from collections.abc import Sequence

from agents.workers.layout import lay_out
from agents.workers.weights import KeyWeights, Weights, encode_weights
from streams.records import Calibrator, ModelVersion


def weighted(
    model: str, inputs: Sequence[str], keys: Sequence[str] = (), *, name: str = "v1", until: int = 0, slope: float = 0.5
) -> ModelVersion:
    """Return a version whose propensity grows with every input, calibrated in two bins."""
    layout = lay_out(inputs, keys)
    terms = 2 * len(layout.names)
    one = KeyWeights(1, -1.0, [slope] * terms, [1] * terms, [0.0] * terms, [1.0] * terms)
    artefact = encode_weights(Weights(list(layout.names), list(layout.keys), [one] * len(layout.keys)))
    calibrator = Calibrator(f"{model}-{name}", [500_000_000], [50_000_000, 400_000_000])
    return ModelVersion(model, name, "online", until, 0, artefact, calibrator, list(inputs), {})
