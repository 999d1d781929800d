"""Control topics on a real broker: whole for every worker, in order and without a hole for every shard."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from agents.transport.control import ControlReader
from agents.transport.positions import Place, Position
from agents.transport.shard import Shard
from tests import witness
from tests.toy_deployment import ToyDeployment

pytestmark = pytest.mark.kafka

NOUNS = ("policies", "models")


@pytest.fixture
def deployment(broker: str, tmp_path: Path) -> Iterator[ToyDeployment]:
    """A fresh namespace."""
    deployment = ToyDeployment(broker, tmp_path)
    yield deployment
    deployment.close()


def publish(deployment: ToyDeployment, noun: str, *values: int) -> None:
    witness.feed(deployment.broker, deployment.topic(noun), [(0, b"%d" % value, b"%d" % value) for value in values])


def shard_at(deployment: ToyDeployment, **places: int) -> Shard:
    """Return a shard that has applied that many records of each control topic."""
    shard = Shard(deployment.group, 0, (*NOUNS, "raw-events"), chunk_max=100, turn_ms_max=10)
    topics = {deployment.topic(noun): place for noun, place in places.items()}
    position = Position(places={topic: Place(place, 0) for topic, place in topics.items()})
    shard.restore(position, dict.fromkeys(shard.sources, 0) | topics)
    return shard


def backlog(deployment: ToyDeployment, shard: Shard, noun: str) -> list[int]:
    return [int(record.value) for run in shard.sources[deployment.topic(noun)].backlog for record in run]


class Heard:
    """What the worker's listener was told, by topic."""

    def __init__(self) -> None:
        self.values: dict[str, list[int]] = {}

    def __call__(self, topic: str, records: Any) -> None:
        self.values.setdefault(topic, []).extend(int(record.value) for record in records)


@asynccontextmanager
async def reading(deployment: ToyDeployment, heard: Heard) -> Any:
    reader = ControlReader(deployment.broker, [deployment.topic(noun) for noun in NOUNS], heard, lambda: None)
    await reader.start()
    try:
        yield reader
    finally:
        await reader.stop()


async def wait_for(condition: Callable[[], bool]) -> None:
    deadline = monotonic() + 20
    while not condition():
        assert monotonic() < deadline
        await asyncio.sleep(0.01)


async def test_everything_is_heard_before_the_first_shard_and_once(deployment: ToyDeployment) -> None:
    publish(deployment, "policies", 0, 1, 2)
    heard = Heard()
    async with reading(deployment, heard) as reader:
        assert heard.values == {deployment.topic("policies"): [0, 1, 2]}
        shard = shard_at(deployment)
        await reader.catch_up({0: shard})
        assert shard.held
        await wait_for(lambda: not shard.held)
        assert backlog(deployment, shard, "policies") == [0, 1, 2]
        assert heard.values == {deployment.topic("policies"): [0, 1, 2]}


async def test_each_shard_goes_on_from_its_own_place(deployment: ToyDeployment) -> None:
    publish(deployment, "policies", *range(10))
    publish(deployment, "models", *range(4))
    heard = Heard()
    async with reading(deployment, heard) as reader:
        first = shard_at(deployment, policies=7, models=4)
        await reader.catch_up({0: first})
        await wait_for(lambda: not first.held)
        second = shard_at(deployment, policies=2, models=0)
        await reader.catch_up({0: first, 1: second})
        await wait_for(lambda: not second.held)
        await asyncio.to_thread(publish, deployment, "policies", 10, 11)
        await wait_for(lambda: backlog(deployment, second, "policies")[-1:] == [11])
        assert backlog(deployment, first, "policies") == [7, 8, 9, 10, 11]
        assert backlog(deployment, second, "policies") == [2, 3, 4, 5, 6, 7, 8, 9, 10, 11]
        assert backlog(deployment, first, "models") == []
        assert backlog(deployment, second, "models") == [0, 1, 2, 3]
        assert heard.values[deployment.topic("policies")] == list(range(12))


async def test_a_rebalance_between_loses_nothing(deployment: ToyDeployment) -> None:
    publish(deployment, "policies", 0, 1)
    async with reading(deployment, Heard()) as reader:
        shard = shard_at(deployment)
        await reader.catch_up({0: shard})
        await wait_for(lambda: not shard.held)
        reader.suspend()
        shard.forget()
        await asyncio.to_thread(publish, deployment, "policies", 2, 3)
        await reader.catch_up({0: shard})
        await wait_for(lambda: not shard.held)
        assert backlog(deployment, shard, "policies") == [0, 1, 2, 3]


async def test_a_shard_that_has_everything_is_not_held(deployment: ToyDeployment) -> None:
    async with reading(deployment, Heard()) as reader:
        shard = shard_at(deployment)
        await reader.catch_up({0: shard})
        assert not shard.held
