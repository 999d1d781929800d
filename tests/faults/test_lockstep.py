"""In lockstep two runs give the same bytes, although the processes of one of them are killed again and again."""

from __future__ import annotations

import asyncio
import os
import random
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, Final

import pytest

from agents.codecs.avro import encode_raw_event
from agents.trainers.online import OnlineLearner
from agents.trainers.syllabus import layout_of
from examples.grocery import adapter, training
from examples.grocery.tables import FIRST_DAY, local_ms
from streams.ids import derive
from streams.partition import partition_of
from streams.policy import Policy, compile_policy
from streams.records import ModelVersion, RawEvent
from tests.faults.bundle import grocery
from tests.faults.feeding import END_MS
from tests.faults.storm import Storm
from tests.processes import Deployment
from tests.witness import Record, Seen, read

pytestmark = pytest.mark.kafka

PARTITIONS: Final = 4
HOUSEHOLDS: Final = 24
UNTIL: Final = date(2017, 3, 1)
KILLS: Final = 5
MODEL: Final = "next_purchase"
SAID: Final = ("events", "decisions", "activations", "rewards")
Said = dict[str, list[Seen]]


def test_kills_change_no_byte(broker: str, tmp_path: Path) -> None:
    seed = int(os.environ.get("SEED", random.randrange(10_000)))
    print(f"SEED={seed}")  # noqa: T201 — to run the same storm again
    bundle = grocery()
    policy = compile_policy(bundle)
    told = list(adapter.events(HOUSEHOLDS, UNTIL))
    versions = trained(policy)
    calm = run(broker, tmp_path / "calm", bundle, told, versions, random.Random(seed), kills=0)
    killed = run(broker, tmp_path / "killed", bundle, told, versions, random.Random(seed), kills=KILLS)
    for topic, seen in calm.items():
        assert len(seen) == len(killed[topic]), f"{topic}, SEED={seed}"
        different = [(one, two) for one, two in zip(seen, killed[topic], strict=True) if essence(one) != essence(two)]
        assert different[:1] == [], f"{topic}, SEED={seed}"
        assert seen, topic


def essence(seen: Seen) -> tuple[object, ...]:
    """Return what has to be the same in both runs: everything but the offset, where transactions leave their marks."""
    return seen.partition, seen.key, seen.value, seen.headers


def trained(policy: Policy) -> list[ModelVersion]:
    """Return a version of each model, none of which is ever replaced."""
    model = policy.models[MODEL]
    untaught = OnlineLearner(MODEL, layout_of(policy, model), model.prior_ppb).snapshot()
    versions = [untaught, *training.train(policy, adapter.events(HOUSEHOLDS * 4, date(2017, 4, 1)), 0)]
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
        topics = [deployment.topic(noun) for noun in SAID]
        topics += [deployment.topic("retraining", model) for model in deployment.policy.models]
        return {topic.partition(".")[2]: read(broker, topic, PARTITIONS) for topic in topics}


async def feed(storm: Storm, told: list[RawEvent], kills: int) -> None:
    """Feed everything at once, kill at random moments, and end the history."""
    records = [record for event in told for record in encoded(event)]
    model = f"model {MODEL}"
    async with storm.raging(model):
        storm.deployment.feed("raw-events", records)
        for number, mark in enumerate(sorted(storm.chance.sample(range(len(told) // 10, len(told)), kills))):
            await storm.wait_count("accepted", mark)
            await storm.kill_worker()
            if number == kills // 2:
                await storm.kill_other(model)
        await storm.wait_count("accepted", len(told))
        await storm.wait_count("decisions", storm.watch.counts["triggers"])
        storm.tick(told[-1].occurred_at + END_MS)
        await storm.wait_count("final", storm.watch.counts["acted"] * len(storm.deployment.policy.outcomes))


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
