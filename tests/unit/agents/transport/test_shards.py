"""Taking shards over and letting go of them, while rebalances overtake each other."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import pytest

from agents.settings import Settings
from agents.telemetry import Telemetry
from agents.transport import shards as module
from agents.transport.assignment import Deployment, new_committer
from agents.transport.shards import Shards
from agents.transport.transactions import Membership
from agents.transport.tuning import Tuning
from streams.topology import topic_name

RAW = topic_name("c", "raw-events")


class Idle:
    """A shard at rest: nothing to commit, nothing to turn."""

    def __init__(self) -> None:
        self.committer = SimpleNamespace(drain=self._done, stop=self._done)
        self.sources = {RAW: SimpleNamespace(next_offset=10, records=0, paused=False, offer=self._note)}
        self.offered: list[Any] = []

    def forget(self) -> None:
        """Drop nothing."""

    def _note(self, records: Any) -> None:
        self.offered.append(records)

    async def _done(self) -> None:
        """Return at once."""


class Opening:
    """Stands for the restore: shards are there when the test lets them."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.may_end = asyncio.Event()

    async def __call__(self, partitions: Iterable[int], *_: object) -> dict[int, Any]:
        self.begun.set()
        await self.may_end.wait()
        return {partition: Idle() for partition in partitions}


@pytest.fixture
def opening(monkeypatch: pytest.MonkeyPatch) -> Opening:
    opening = Opening()
    monkeypatch.setattr(module, "open_shards", opening)
    return opening


@pytest.fixture
def shards() -> Shards:
    settings = Settings(namespace="c", partitions=4)
    nouns = frozenset({"raw-events"})
    shards = Shards(Deployment(settings, Tuning(), nouns, lambda *_: None, Telemetry(), lambda: None), None)  # type: ignore[arg-type]
    shards.committer = new_committer(Alone(), shards.deployment)  # type: ignore[arg-type]
    return shards


class Alone:
    """Transactions of a worker beside whom there is nobody."""

    async def fence_others(self, prefix: str, living: object) -> None:
        """Find nobody."""


async def wait_turns() -> None:
    """Let every task go as far as it can."""
    for _ in range(10):
        await asyncio.sleep(0)


def member(generation: int) -> Membership:
    return Membership("c", generation, "me")


def chunk(since: int, generation: int = 1) -> Any:
    message = SimpleNamespace(topic=RAW, partition=0, since=since, generation_id=generation)
    return SimpleNamespace(message=message, value=[since])


async def test_partitions_that_are_revoked_while_they_are_taken_over_are_not_turned(
    shards: Shards, opening: Opening
) -> None:
    taking = asyncio.create_task(shards.assign([0, 1], member(1)))
    await opening.begun.wait()
    await shards.drain()
    opening.may_end.set()
    await taking
    assert not shards.is_ready()
    await shards.offer(chunk(10))
    assert shards.shards[0].offered == []  # type: ignore[attr-defined]
    await shards.assign([0], member(2))
    assert shards.is_ready()
    assert list(shards.shards) == [0]


async def test_what_a_cancelled_drain_left_open_is_committed_before_the_worker_becomes_another_member(
    shards: Shards, opening: Opening
) -> None:
    opening.may_end.set()
    await shards.assign([0], member(1))
    committed = asyncio.Event()
    shards.shards[0].committer.drain = committed.wait  # type: ignore[method-assign,assignment]
    revoking = asyncio.create_task(shards.drain())
    await wait_turns()
    revoking.cancel()
    taking = asyncio.create_task(shards.assign([1], member(2)))
    await wait_turns()
    assert shards.committer.member == member(1)
    assert list(shards.shards) == [0]
    committed.set()
    await taking
    assert shards.committer.member == member(2)
    assert list(shards.shards) == [1]


async def test_a_worker_without_partitions_holds_none_and_is_ready(shards: Shards, opening: Opening) -> None:
    opening.may_end.set()
    await shards.assign([0, 1], member(1))
    await shards.drain()
    await shards.assign([], member(2))
    assert shards.is_ready()
    assert shards.shards == {}


async def test_a_chunk_behind_a_gap_ends_the_worker(
    shards: Shards, opening: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening.may_end.set()
    await shards.assign([0], member(1))
    await shards.offer(chunk(10))
    await shards.offer(chunk(9))  # what was had before is the source's affair
    assert shards.shards[0].offered == [[10], [9]]  # type: ignore[attr-defined]

    def die(reason: str) -> None:
        raise SystemExit(reason)

    monkeypatch.setattr(module, "die", die)
    with pytest.raises(SystemExit, match="the records from 10 to before 12 were lost"):
        await shards.offer(chunk(12))
