from datetime import date
from itertools import chain
from pathlib import Path

import pytest

from agents.policy_files import load_bundle
from agents.workers.onnx import OnnxModel
from examples.grocery import adapter, training
from examples.grocery.tables import Tables, load, local_ms
from streams.policy import Policy, compile_policy
from streams.records import ModelVersion, RawEvent

HOUSEHOLDS = 150


@pytest.fixture(scope="module")
def policy() -> Policy:
    return compile_policy(dict(load_bundle(Path(training.__file__).parent / "policy")))


@pytest.fixture(scope="module")
def quarter(grocery_tables: Tables) -> list[RawEvent]:
    return list(adapter.told(load(HOUSEHOLDS, training.TRAINED_UNTIL, grocery_tables)))


@pytest.fixture(scope="module")
def versions(policy: Policy, quarter: list[RawEvent]) -> dict[str, ModelVersion]:
    return {version.model: version for version in training.train(policy, quarter, 1)}


def test_both_models_say_until_when_they_were_trained(versions: dict[str, ModelVersion]) -> None:
    assert set(versions) == {"lapse", "basket"}
    assert {version.trained_until for version in versions.values()} == {local_ms(date(2017, 4, 1))}


def test_nothing_later_than_the_quarter_is_learned(
    policy: Policy, quarter: list[RawEvent], versions: dict[str, ModelVersion], grocery_tables: Tables
) -> None:
    later = adapter.told(load(HOUSEHOLDS, date(2017, 5, 1), grocery_tables))
    april = (event for event in later if event.occurred_at >= local_ms(training.TRAINED_UNTIL))
    again = {version.model: version for version in training.train(policy, chain(quarter, april), 1)}
    assert {name: version.artefact for name, version in again.items()} == {
        name: version.artefact for name, version in versions.items()
    }


def test_a_version_answers_in_its_unit_with_values_missing(policy: Policy, versions: dict[str, ModelVersion]) -> None:
    for name, version in versions.items():
        model = OnnxModel()
        model.load(version.artefact, version.inputs)
        assert tuple(version.inputs) == policy.models[name].inputs
        row = [2.0, 4.0, 8.0, 24.0, 100e6, 300e6, 12.0, 30e6, float("nan")][-len(version.inputs) :]
        ((answer,),) = model.answer([row])
        assert 0 < answer < 1 if name == "lapse" else 1 < answer < 200


def test_lapse_is_told_apart_and_calibrated(versions: dict[str, ModelVersion]) -> None:
    lapse = versions["lapse"]
    assert lapse.metrics["auc"] > 0.7
    assert lapse.metrics["log_loss"] < lapse.metrics["base_log_loss"]
    calibrator = lapse.calibrator
    assert calibrator is not None
    assert calibrator.edges_ppb == sorted(calibrator.edges_ppb)
    assert len(calibrator.values_ppb) == len(calibrator.edges_ppb) + 1
    assert 0 < calibrator.values_ppb[0] < calibrator.values_ppb[-1] < 1_000_000_000
    assert versions["basket"].calibrator is None
