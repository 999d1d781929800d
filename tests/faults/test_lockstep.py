"""In lockstep two runs give the same bytes, although the processes of one of them are killed again and again."""

from __future__ import annotations

import asyncio
import os
import random
from collections import defaultdict
from dataclasses import replace
from datetime import date
from itertools import cycle
from pathlib import Path
from time import monotonic
from typing import Any, Final

import pytest

from agents.codecs.avro import decode_training_example, encode_raw_event
from agents.trainers.online import OnlineLearner
from agents.trainers.syllabus import layout_of
from examples.grocery import adapter, training
from examples.grocery.tables import FIRST_DAY, local_ms
from streams.ids import derive
from streams.partition import partition_of
from streams.policy import Policy, compile_policy
from streams.records import ModelVersion, RawEvent
from tests.faults.bundle import grocery
from tests.faults.storm import PATIENCE_S, POLL_S, Storm
from tests.processes import Deployment
from tests.witness import Record, Seen, read

pytestmark = pytest.mark.kafka

PARTITIONS: Final = 4
HOUSEHOLDS: Final = 300
UNTIL: Final = date(2017, 1, 22)
LINES_MAX: Final = 2  # of a basket: decisions are wanted, not events
WINDOW: Final = {"window": "2d", "lateness": "1d"}  # trainers publish after 500 examples: soon
DAY_MS: Final = 86_400_000
END_MS: Final = 4 * DAY_MS
KILLS: Final = 5
MODEL: Final = "next_purchase"
TRAINED: Final = (MODEL, "lapse")
OTHERS: Final = (f"model {MODEL}", *(f"trainer {model}" for model in TRAINED))
SAID: Final = ("events", "decisions", "activations", "rewards", "barriers")
Said = dict[str, list[Any]]


def test_kills_change_no_byte(broker: str, tmp_path: Path) -> None:
    seed = int(os.environ.get("SEED", random.randrange(10_000)))
    print(f"SEED={seed}")  # noqa: T201 — to run the same storm again
    bundle = hasty()
    policy = compile_policy(bundle)
    told = history()
    versions = trained(policy)
    calm = run(broker, tmp_path / "calm", bundle, told, versions, random.Random(seed), kills=0)
    killed = run(broker, tmp_path / "killed", bundle, told, versions, random.Random(seed), kills=KILLS)
    assert calm.keys() == killed.keys()
    for topic, seen in calm.items():
        assert len(seen) == len(killed[topic]), f"{topic}, SEED={seed}"
        different = [(one, two) for one, two in zip(seen, killed[topic], strict=True) if one != two]
        assert different[:1] == [], f"{topic}, SEED={seed}"
        assert seen, topic
    used = used_versions(calm)
    assert len(used[MODEL]) > 3
    assert len(used["lapse"]) > 1


def essence(seen: Seen) -> tuple[object, ...]:
    """Return what has to be the same in both runs: everything but the offset, where transactions leave their marks."""
    return seen.partition, seen.key, seen.value, seen.headers


def published(deployment: Deployment, model: str) -> list[ModelVersion]:
    """Return what was published of a model: versions without offsets, for the same reason, and barriers released."""
    said: list[ModelVersion] = deployment.records("models", "model_version", 1)
    return [replace(one, next_offsets={}) for one in said if one.model == model and one.kind != "heartbeat"]


def used_versions(said: Said) -> dict[str, set[str]]:
    """Return the versions that answered, by model."""
    used: dict[str, set[str]] = defaultdict(set)
    for model in TRAINED:
        for _, _, value, _ in said[f"retraining.{model}.v1"]:
            used[model].add(decode_training_example(value).version)
    return used


def hasty() -> dict[str, Any]:
    """Return the policy, with windows that are soon over."""
    bundle = grocery()
    bundle["outcomes"] = {name: outcome | WINDOW for name, outcome in bundle["outcomes"].items()}
    return bundle


def history() -> list[RawEvent]:
    """Return a part of the year in which every partition comes to the last day, or it would hold up the others."""
    events = [event for event in adapter.events(HOUSEHOLDS, UNTIL) if not is_further_line(event)]
    days: dict[int, int] = {}
    for event in events:
        days[partition_of(event.profile_id, PARTITIONS)] = event.occurred_at // DAY_MS
    assert len(days) == PARTITIONS
    assert len(set(days.values())) == 1
    return events


def is_further_line(event: RawEvent) -> bool:
    """Tell whether this is a purchase in a basket that has enough of them."""
    return event.type == "product_purchased" and int(event.event_id.partition("-")[2]) >= LINES_MAX


def trained(policy: Policy) -> list[ModelVersion]:
    """Return a version of each model to begin with."""
    model = policy.models[MODEL]
    untaught = OnlineLearner(MODEL, layout_of(policy, model), model.prior_ppb).snapshot()
    versions = [untaught, *training.train(policy, adapter.events(96, date(2017, 4, 1)), 0)]
    return [replace(one, version=f"{one.model}-1", trained_until=local_ms(FIRST_DAY)) for one in versions]


def run(
    broker: str, home: Path, bundle: dict[str, Any], told: list[RawEvent], versions: list[ModelVersion],
    chance: random.Random, kills: int,
) -> Said:  # fmt: skip
    """Return what a deployment said of all this."""
    with Deployment(broker, home, bundle, partitions=PARTITIONS, mode="history") as deployment:
        storm = Storm(deployment, chance, lockstep=True)
        for version in versions:
            storm.publish(version)
        asyncio.run(feed(storm, told, kills))
        assert storm.killed.total() >= kills
        assert all(storm.killed[name] for name in OTHERS) or not kills
        topics = [deployment.topic(noun) for noun in SAID]
        topics += [deployment.topic("retraining", model) for model in deployment.policy.models]
        said: Said = {
            topic.partition(".")[2]: [essence(seen) for seen in read(broker, topic, PARTITIONS)] for topic in topics
        }
        return said | {f"versions of {model}": published(deployment, model) for model in deployment.policy.models}


async def feed(storm: Storm, told: list[RawEvent], kills: int) -> None:
    """Feed everything at once, kill at random moments, and end the history."""
    records = [record for event in told for record in encoded(event)]
    async with storm.raging(*OTHERS):
        storm.deployment.feed("raw-events", records)
        moments = sorted(storm.chance.sample(range(len(told) // 10, len(told)), kills))
        for mark, other in zip(moments, cycle(OTHERS), strict=False):
            await storm.wait_count("accepted", mark)
            await storm.kill_worker()
            await storm.kill_other(other)
        await storm.wait_count("accepted", len(told))
        await storm.wait_count("decisions", storm.watch.counts["triggers"])
        ends_at = told[-1].occurred_at + END_MS
        storm.tick(ends_at)
        await storm.wait_count("final", storm.watch.counts["acted"] * len(storm.deployment.policy.outcomes))
        await wait_released(storm.deployment, ends_at // DAY_MS * DAY_MS)


async def wait_released(deployment: Deployment, barrier: int) -> None:
    """Return when every trainer has released the barrier."""
    deadline = monotonic() + PATIENCE_S
    while any(published(deployment, model)[-1].trained_until < barrier for model in TRAINED):
        assert monotonic() < deadline, f"no trainer released the last barrier in {PATIENCE_S:g} s"
        await asyncio.sleep(POLL_S)


def encoded(event: RawEvent) -> list[Record]:
    """Return an event; behind a basket that what was decided at it, if anything was, is delivered at once."""
    person = event.profile_id
    partition = partition_of(person, PARTITIONS)
    events = [event]
    if event.type == "basket_completed":
        decision_id = derive("decision", "checkout", event.source, event.event_id)
        activation_id = derive("activation", decision_id, "checkout", "0")
        names = {"activation_id": activation_id, "decision_id": decision_id, "delivery_channel": "receipt"}
        events.append(RawEvent(activation_id, person, "activation_delivered", event.occurred_at, "till", dict(names)))
    return [(partition, person.encode(), encode_raw_event(one)) for one in events]
