"""Trains lapse risk and expected basket on the first quarter, before the stream begins: scikit-learn, then ONNX.

Nothing later than 31 March is used, labels included: a basket is learned from only if the two weeks after it end within
the quarter. So the models know nothing that the stream could not have known on 1 April, and say so (`trained_until`);
before that day a shard asks for no version of theirs and the policy's priors stand in.
Features are folded and computed by the stage that does it in the stream, so training and serving cannot differ.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from typing import Any, Final
from zlib import crc32

import numpy as np
from aiokafka import AIOKafkaProducer
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline

from agents import settings as deployment
from agents.codecs.avro import encode_model_version
from agents.errors import UserError
from agents.policy_topic import read_current
from agents.settings import Settings
from agents.trainers.progress import Progress
from agents.workers.features import to_row
from agents.workers.onnx import OnnxModel
from examples.grocery.adapter import told
from examples.grocery.tables import load, local_ms
from streams import profile
from streams.policy import Model, Policy, compile_policy
from streams.policy.quantities import MICRO
from streams.records import Event, ModelVersion, RawEvent
from streams.rows import Profile
from streams.topology import topic_name

TRAINED_UNTIL: Final = date(2017, 4, 1)
TEST_SHARE: Final = 0.3  # of the households, kept from the fit: the calibrator and the metrics are read on them
MODELS: Final = ("lapse", "basket")
OPSET: Final = {"": 17, "ai.onnx.ml": 3}  # of onnxruntime 1.14 and later

_MISSING: Final = -1.0  # no feature is negative
_SETTINGS: Final = {"n_estimators": 80, "max_depth": 3, "learning_rate": 0.1, "subsample": 0.8, "random_state": 2017}


@dataclass
class Visit:
    """One completed basket: what was known of the household, and what it came to."""

    at: int
    amount: float  # dollars
    rows: dict[str, list[float]]  # by model


@dataclass
class Examples:
    """Rows and labels of one model, split by household."""

    fit_rows: list[list[float]] = field(default_factory=list)
    fit_labels: list[float] = field(default_factory=list)
    test_rows: list[list[float]] = field(default_factory=list)
    test_labels: list[float] = field(default_factory=list)

    def add(self, household: str, row: list[float], label: float) -> None:
        """Put an example to its household's part."""
        is_test = crc32(household.encode()) % 1000 < TEST_SHARE * 1000
        (self.test_rows if is_test else self.fit_rows).append(row)
        (self.test_labels if is_test else self.fit_labels).append(label)


def train(policy: Policy, events: Iterable[RawEvent], published_at: int) -> list[ModelVersion]:
    """Return a version of each model, learned from the events of the first quarter; `events` may go on beyond it."""
    until = local_ms(TRAINED_UNTIL)
    visits = _visits(policy, events, until)
    models = [policy.models[name] for name in MODELS]
    return [_version(model, _examples(model, visits, until), published_at) for model in models]


def _visits(policy: Policy, events: Iterable[RawEvent], until: int) -> dict[str, list[Visit]]:
    """Fold the events of each household, and note what is known of it at each basket."""
    profiles: dict[str, Profile] = {}
    visits: dict[str, list[Visit]] = {}
    for raw in events:
        if raw.occurred_at >= until:
            break
        person = profiles.setdefault(raw.profile_id, Profile())
        profile.fold(person, _accepted(policy, raw), policy.features)
        if raw.type == "basket_completed":
            features = profile.compute(person, policy.features, raw.occurred_at, {})
            rows = {name: to_row([features[at] for at in policy.models[name].input_at]) for name in MODELS}
            visit = Visit(raw.occurred_at, float(raw.properties["amount"] or 0), rows)
            visits.setdefault(raw.profile_id, []).append(visit)
    return visits


def _accepted(policy: Policy, raw: RawEvent) -> Event:
    """Return the event as ingest would have it: money in micro-units."""
    types = policy.events[raw.type].properties
    properties = {
        name: round(value * MICRO) if types.get(name) == "money" and isinstance(value, int | float) else value
        for name, value in raw.properties.items()
    }
    at = raw.occurred_at
    return Event(raw.event_id, raw.profile_id, raw.type, at, raw.source, properties, raw.consent, None, at, None)


def _examples(model: Model, visits: dict[str, list[Visit]], until: int) -> Examples:
    """Label each visit by the next one, where the window after it ends before `until`."""
    examples = Examples()
    if model.label is None:
        raise UserError(f"the policy declares no label for {model.name}: there is nothing to learn from")
    for household, made in visits.items():
        for visit, following in pairwise([*made, None]):
            if visit is None or visit.at + model.label.window_ms >= until:
                continue
            is_back = following is not None and following.at <= visit.at + model.label.window_ms
            label = model.label.final(int(following.amount * MICRO) if is_back and following else None)
            if label is not None:
                examples.add(household, visit.rows[model.name], label)
    return examples


def _version(model: Model, examples: Examples, published_at: int) -> ModelVersion:
    fit = _fit_propensity if model.gives == "propensity" else _fit_amount
    artefact = fit(examples)
    served = OnnxModel()
    served.load(artefact, model.inputs)
    answers = [answer[0] for answer in served.answer(examples.test_rows)]
    name = f"2017q1-{crc32(artefact):08x}"
    until = local_ms(TRAINED_UNTIL)
    version = ModelVersion(model.name, name, "onnx", until, published_at, artefact, None, list(model.inputs), {})
    if model.gives == "propensity":
        progress = Progress()
        for answer, label in zip(answers, examples.test_labels, strict=True):
            progress.note(answer, happened=label == 1.0)
        version.calibrator = progress.calibrator(f"{model.name}/{name}", model.prior_ppb)
        version.metrics = progress.metrics()
    else:
        labels = np.array(examples.test_labels)
        mean = float(np.mean(examples.fit_labels))
        version.metrics = {
            "examples": float(len(labels)),
            "rmse": float(np.sqrt(np.mean((np.array(answers) - labels) ** 2))),
            "base_rmse": float(np.sqrt(np.mean((mean - labels) ** 2))),
        }
    return version


def _fit_propensity(examples: Examples) -> bytes:
    fitted = _pipeline(GradientBoostingClassifier(**_SETTINGS)).fit(*_matrix(examples))
    return _graph(fitted, examples, {"zipmap": False})


def _fit_amount(examples: Examples) -> bytes:
    fitted = _pipeline(GradientBoostingRegressor(**_SETTINGS)).fit(*_matrix(examples))
    return _graph(fitted, examples, {})


def _pipeline(learner: Any) -> Any:
    return make_pipeline(SimpleImputer(strategy="constant", fill_value=_MISSING), learner)


def _matrix(examples: Examples) -> tuple[Any, Any]:
    return np.array(examples.fit_rows, dtype=np.float32), np.array(examples.fit_labels)


def _graph(fitted: Any, examples: Examples, options: dict[str, bool]) -> bytes:
    shape = FloatTensorType([None, len(examples.fit_rows[0])])
    told = {id(fitted.steps[-1][1]): options} if options else None
    graph = to_onnx(fitted, initial_types=[("features", shape)], options=told, target_opset=OPSET)
    return bytes(graph.SerializeToString())


async def _publish(settings: Settings) -> None:
    """Train for the current policy of a deployment, and publish the versions on its `models` topic."""
    policy = compile_policy(await read_current(settings.bootstrap, settings.namespace))
    versions = train(policy, told(load(until=TRAINED_UNTIL)), time.time_ns() // 1_000_000)
    producer = AIOKafkaProducer(bootstrap_servers=settings.bootstrap, enable_idempotence=True)
    await producer.start()
    try:
        topic = topic_name(settings.namespace, "models")
        for version in versions:
            key = f"{version.model}/{version.version}".encode()
            await producer.send_and_wait(topic, encode_model_version(version), key, partition=0)
            print(f"{version.model} {version.version}: {version.metrics}", file=sys.stderr)
    finally:
        await producer.stop()


if __name__ == "__main__":
    asyncio.run(_publish(deployment.load()))
