"""Models of both kinds and training examples for them, small enough to make in every test."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np

from agents.trainers.online import OnlineLearner
from agents.workers.layout import Layout, lay_out
from streams.records import Feature, ModelVersion, TrainingExample

KEYS = ("bread", "soup")
INPUTS = ("baskets", "bought.bread", "bought.soup", "days.bread", "days.soup", "member")
PLAIN = ("baskets", "days", "member")


def features(draw: random.Random, inputs: Sequence[str] = INPUTS) -> list[Feature]:
    """Return counts, days that may be missing, and a flag."""
    values: dict[str, Feature] = {
        "baskets": draw.randrange(20),
        "bought": draw.randrange(5),
        "member": draw.random() < 0.5,
    }
    drawn: list[Feature] = []
    for name in inputs:
        plain = name.partition(".")[0]
        drawn.append(draw.choice([None, draw.randrange(90)]) if plain == "days" else values[plain])
    return drawn


def example(
    number: int, *, seed: int = 7, keys: Sequence[str] = KEYS, inputs: Sequence[str] = INPUTS
) -> TrainingExample:
    """Return the example of this number: who bought, and is a member, buys again more often; one every three hours."""
    draw = random.Random(seed * 1_000_003 + number)
    key = draw.choice(keys) if keys else None
    seen = features(draw, inputs)
    bought = seen[inputs.index(f"bought.{key}")] if key else seen[0]
    chance = 0.05 + 0.08 * float(bought or 0) + 0.1 * bool(seen[inputs.index("member")])
    return TrainingExample(
        f"example-{number}", "again", "", f"decision-{number}", f"person-{number % 40}", key, "offer", False, 2**31,
        seen, None, float(draw.random() < chance), number * 10_800_000, (number + 1) * 10_800_000, "hash",
    )  # fmt: skip


def learned(count: int, layout: Layout | None = None) -> OnlineLearner:
    """Return an online learner that has learned the first examples."""
    learner = OnlineLearner("again", layout or lay_out(INPUTS, KEYS), 100_000_000)
    for number in range(count):
        learner.take(example(number))
    return learner


def graph(kind: str = "classifier", inputs: Sequence[str] = PLAIN, *, zipmap: bool = False) -> bytes:
    """Return an ONNX graph made by scikit-learn: a classifier that gives labels and probabilities, or a regressor."""
    from skl2onnx import to_onnx
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from sklearn.pipeline import make_pipeline

    draw = np.random.default_rng(3)
    rows = draw.random((200, len(inputs))).astype(np.float32) * 20
    model: Any = LogisticRegression() if kind == "classifier" else LinearRegression()
    pipeline = make_pipeline(SimpleImputer(strategy="constant", fill_value=-1.0), model)
    pipeline.fit(rows, rows[:, 0] > 8 if kind == "classifier" else rows[:, 0] * 2 + 1)
    options = {id(model): {"zipmap": zipmap}} if kind == "classifier" else None
    artefact: bytes = to_onnx(pipeline, rows[:1], options=options, target_opset=17).SerializeToString()
    return artefact


def version(kind: str, artefact: bytes, inputs: Sequence[str], name: str = "v1", model: str = "again") -> ModelVersion:
    """Return a version as it is published."""
    return ModelVersion(model, name, kind, 0, 0, artefact, None, list(inputs), {})
