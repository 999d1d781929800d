"""Where a decision comes from and what becomes of it, and the inventory: from the topics of a stream that ran."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import pytest

from agents.codecs.avro import encode_model_version, encode_raw_event, encode_training_example
from streams.partition import partition_of
from streams.records import Decision, TrainingExample
from tests.brokers import free_port
from tests.builders import NOW
from tests.models import weighted
from tests.processes import Deployment, wait_until
from tests.shard import plain_policy, raw

pytestmark = pytest.mark.kafka

PERSON: Final = "ann"
MODEL: Final = "lapse"
PARTITIONS: Final = 2


def policy() -> dict[str, Any]:
    bundle = plain_policy()
    bundle["models"][MODEL] |= {"owner": "the data team", "kind": "online"}
    bundle["actions"][0]["owner"] = "the soup team"
    bundle["exploration"] = {"epsilon": 0, "delta": 0, "salt": "s"}
    return bundle


@pytest.fixture(scope="module")
def deployment(broker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Yield a stream in which one person was decided about by a version, from which another version has learned."""
    home = tmp_path_factory.mktemp("lineage")
    with Deployment(broker, home, policy(), partitions=PARTITIONS, mode="history") as running:
        first = replace(weighted(MODEL, running.policy.models[MODEL].inputs), published_at=NOW)
        heartbeat = replace(first, version="", kind="heartbeat", artefact=b"", calibrator=None, inputs=[])
        told = [
            (0, b"one", encode_model_version(first)),
            (0, b"two", encode_model_version(heartbeat)),
            (0, b"x", b"no"),
        ]
        running.feed("models", told)
        running.run("worker", "--web-port", str(free_port()))
        events = [raw("product_purchased", at=NOW - 1, event_id="before"), raw(event_id="asks", at=NOW)]
        at = partition_of(PERSON, PARTITIONS)
        told = [(at, PERSON.encode(), encode_raw_event(replace(one, profile_id=PERSON))) for one in events]
        running.feed("raw-events", told)
        wait_until("a decision", lambda: running.records("decisions", "decision"))
        examples = [_example(decision(running), name) for name in ("learned", "too late")]
        running.feed("retraining", [(0, b"p", encode_training_example(one)) for one in examples], MODEL)
        place = f"{running.topic('retraining', MODEL)}/0"
        second = replace(first, version="v2", trained_until=NOW, next_offsets={place: 1}, metrics={"log_loss": 0.25})
        running.feed("models", [(0, b"three", encode_model_version(second))])
        yield running


def decision(deployment: Deployment) -> Decision:
    (found,) = deployment.records("decisions", "decision")
    return found  # type: ignore[no-any-return]


def _example(of: Decision, name: str) -> TrainingExample:
    return TrainingExample(
        name, MODEL, "v1", of.decision_id, PERSON, None, of.action, False, of.q, [1, 2], 0.5, 1.0, of.decided_at, NOW,
        of.policy_hash,
    )  # fmt: skip


def ask(deployment: Deployment, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the deployment to its end."""
    command = [sys.executable, "-m", "agents", *arguments]
    environment = os.environ | deployment.environment
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)


def test_a_decision_is_traced_back_to_its_trigger_and_on_to_who_learned_from_it(deployment: Deployment) -> None:
    of = decision(deployment)
    told = ask(deployment, "lineage", of.decision_id, "--json")
    assert told.returncode == 0, told.stderr
    tree = json.loads(told.stdout)
    assert tree["decision"]["is_intact"] is True
    assert (tree["trigger"]["event_id"], tree["trigger"]["source"], tree["events_before"]) == ("asks", "till", 1)
    assert tree["policy"] == {"hash": deployment.policy.hash, "name": "small"}
    versions = {one["model"]: (one["version"], one["status"]) for one in tree["models"]}
    assert versions == {MODEL: ("v1", "ok"), "next_purchase": ("", "cold"), "basket": ("", "cold")}
    (lapse,) = [one for one in tree["models"] if one["model"] == MODEL]
    assert (lapse["inputs"], lapse["published_at"]) == (["recency_d", "baskets_28d"], NOW)
    assert tree["activation"]["delivery_channel"] == "app"
    assert [(one["example_id"], one["learned_by"]) for one in tree["examples"]] == [
        ("learned", "v2"),
        ("too late", None),
    ]
    text = ask(deployment, "lineage", of.decision_id).stdout
    assert f"{of.decision_id} at checkout: soup_off" in text
    assert text.index("Made of") < text.index("trigger: ") < text.index("What came of it") < text.index("learned")


def test_a_version_is_traced_back_to_its_examples_and_on_to_its_decisions(deployment: Deployment) -> None:
    first, second = (
        json.loads(ask(deployment, "lineage", f"{MODEL}/{name}", "--json").stdout) for name in ("v1", "v2")
    )
    assert (first["version"]["before"], first["version"]["after"]) == (None, "v2")
    assert (first["learned_from"]["examples"], first["used_by"]["decisions"]) == (0, 1)
    assert first["used_by"]["by_action"] == {"soup_off": 1}
    assert (second["version"]["before"], second["version"]["metrics"]) == ("v1", {"log_loss": 0.25})
    assert second["learned_from"]["examples"] == 1
    assert second["learned_from"]["by_policy"] == {deployment.policy.hash: 1}
    assert second["used_by"]["decisions"] == 0
    text = ask(deployment, "lineage", f"{MODEL}/v2").stdout
    assert "Made of 1 examples of 1 decisions" in text
    assert "of itself: log_loss 0.25" in text


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("0" * 32, "there is no decision 000"),
        (f"{MODEL}/v9", f"{MODEL} has v1, v2"),
        ("nobody/v1", f"models are {MODEL}"),
    ],
)
def test_what_is_not_there_is_told_with_what_is(deployment: Deployment, name: str, says: str) -> None:
    told = ask(deployment, "lineage", name)
    assert told.returncode == 1
    assert says in told.stderr


def test_the_inventory_names_models_inputs_owners_flows_and_cost(deployment: Deployment) -> None:
    told = json.loads(ask(deployment, "inventory", "--usage-since", "2017-01-01", "--json").stdout)
    models = {one["name"]: one for one in told["models"]}
    assert (models[MODEL]["owner"], models[MODEL]["version"], models[MODEL]["trained_until"]) == (
        "the data team",
        "v2",
        NOW,
    )
    assert (models[MODEL]["answers"], models["basket"]["answers"]) == ({"ok": 1}, {"cold": 1})
    assert models[MODEL]["inputs"] == ["recency_d", "baskets_28d"]
    assert models[MODEL]["cost_micro"] == 0
    features = {one["name"]: one["read_by"] for one in told["features"]}
    assert MODEL in features["recency_d"]
    (action,) = told["actions"]
    assert (action["id"], action["owner"], action["delivery_channels"]) == ("soup_off", "the soup team", ["app"])
    events = {one["type"]: one for one in told["events"]}
    assert events["basket_completed"]["triggers"] == ["checkout"]
    assert "spend_28d" in events["basket_completed"]["features"]
    assert "bought_28d" in events["product_purchased"]["features"]
    assert {"topic": "retraining", "from": ["worker"], "to": ["trainers"]} in told["flows"]
    later = json.loads(ask(deployment, "inventory", "--usage-since", "2018-01-01", "--json").stdout)
    assert {one["name"]: one["answers"] for one in later["models"]} == {name: {} for name in models}
    text = ask(deployment, "inventory").stdout
    assert "models (3)" in text
    assert "the data team" in text
