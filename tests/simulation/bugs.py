"""Errors of the kind that the simulation is there to find, to be planted one at a time."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from agents.app import Parts
from agents.transport import assignment
from agents.transport.control import ControlReader
from agents.transport.positions import POSITION_KEY
from agents.transport.restore import Restored
from agents.transport.shards import Shards
from agents.transport.share import Share
from streams import ingest, propose
from streams.inputs import AnswerInput
from streams.rounds import Rounds
from streams.rows import Round
from streams.state import State
from tests.simulation.clients import SimulatedConsumer, SimulatedTransactions
from tests.simulation.log import Log, Message, Record
from tests.simulation.worker import here

Plant = Callable[[pytest.MonkeyPatch], None]


def no_fencing(patch: pytest.MonkeyPatch) -> None:
    """Nobody is refused: not by generation, and not by epoch."""

    async def fence_others(*_: object) -> None:
        """Fence nobody."""

    patch.setattr(SimulatedTransactions, "fence_others", fence_others)
    patch.setattr(Log, "commit_offsets", lambda *_: None)


def joined_with_open_work(patch: pytest.MonkeyPatch) -> None:
    """What was applied is committed when the next generation has begun, as a member of that one."""
    drain = Share.drain

    async def drain_later(self: Share) -> None:
        asyncio.ensure_future(drain(self))  # noqa: RUF006 — the loop of a simulated worker keeps its tasks

    patch.setattr(Share, "drain", drain_later)
    patch.setattr(Share, "stop", drain)


def not_settled(patch: pytest.MonkeyPatch) -> None:
    """A restore does not wait for what is still to be decided."""

    async def wait_settled(*_: object) -> None:
        """Wait for nothing."""

    patch.setattr(assignment, "wait_settled", wait_settled)


def restored_uncommitted(patch: pytest.MonkeyPatch) -> None:
    """A restore reads what was aborted."""

    def reader(servers: str, *, committed: bool) -> SimulatedConsumer:
        worker = here()
        return SimulatedConsumer(worker.log, worker.line, committed=False)

    patch.setattr(assignment, "reader", reader)


def routed_uncommitted(patch: pytest.MonkeyPatch) -> None:
    """A shard reads what another one's aborted transaction forwards."""
    fetch = Log.fetch

    def fetch_all(
        self: Log, place: TopicPartition, offset: int, records_max: int = 1 << 30, *, committed: bool
    ) -> tuple[list[Record], int]:
        return fetch(self, place, offset, records_max, committed=committed and "routed" not in place.topic)

    patch.setattr(Log, "fetch", fetch_all)


def position_aside(patch: pytest.MonkeyPatch) -> None:
    """The position is written outside of the transaction."""
    produce = Log.produce

    def produce_aside(self: Log, producer: str, epoch: int, place: TopicPartition, messages: list[Message]) -> None:
        produce(self, producer, epoch, place, [one for one in messages if one.key != POSITION_KEY])
        for one in messages:
            if one.key == POSITION_KEY:
                self.append(place, one)

    patch.setattr(Log, "produce", produce_aside)


def step_forgotten(patch: pytest.MonkeyPatch) -> None:
    """A new owner begins to count from nothing."""
    applier = Parts.applier
    patch.setattr(Parts, "applier", lambda self, partition, rows, step: applier(self, partition, rows, 0))


def tombstones_forgotten(patch: pytest.MonkeyPatch) -> None:
    """A restore keeps rows that were deleted."""
    replay = Restored.replay

    def replay_some(restored: Restored, records: Sequence[Record]) -> None:
        replay(restored, [record for record in records if record.value is not None])

    patch.setattr(Restored, "replay", replay_some)


def errors_passed_over(patch: pytest.MonkeyPatch) -> None:
    """Whoever cannot write goes on as if he had."""
    call = SimulatedTransactions.write

    async def write(self: SimulatedTransactions, *arguments: Any, **options: Any) -> None:
        with suppress(KafkaError):
            await call(self, *arguments, **options)

    patch.setattr(SimulatedTransactions, "write", write)


def old_chunks_taken(patch: pytest.MonkeyPatch) -> None:
    """What was fetched for a former assignment is applied in the next one, whether it follows there or not."""
    offer = Shards.offer

    async def offer_as_new(self: Shards, chunk: Any) -> None:
        if chunk.message.partition in self.shards:
            chunk.message.generation_id, chunk.message.since = self.generation, 0
        await offer(self, chunk)

    patch.setattr(Shards, "offer", offer_as_new)


def control_not_read_again(patch: pytest.MonkeyPatch) -> None:
    """A new shard is not told what control topics said behind its place."""
    catch_up = ControlReader.catch_up

    async def catch_up_without(self: ControlReader, shards: Any) -> None:
        await catch_up(self, shards)
        self._rewind.clear()

    patch.setattr(ControlReader, "catch_up", catch_up_without)


def timers_not_restored(patch: pytest.MonkeyPatch) -> None:
    """Rounds and windows that were open are never closed by a new owner."""
    patch.setattr(State, "_restore_timers", lambda self: None)


def answers_taken_twice(patch: pytest.MonkeyPatch) -> None:
    """An answer that comes again opens its round again."""
    take = Rounds.take_answer
    answered: dict[str, Round] = {}

    def take_again(self: Rounds, given: AnswerInput, wall: int) -> None:
        proposal, rounds = given.proposal, self._state.rounds
        opened = rounds.get(proposal.round_id)
        if opened is not None:
            answered[proposal.call_id] = copy.deepcopy(opened)
        elif proposal.call_id in answered:
            rounds.put(proposal.round_id, copy.deepcopy(answered[proposal.call_id]))
            self._state.rounds_open += 1
        take(self, given, wall)

    patch.setattr(Rounds, "take_answer", take_again)


def repeats_not_known(patch: pytest.MonkeyPatch) -> None:
    """The id of an accepted event is not remembered."""
    patch.setattr(ingest, "take", lambda person, identity, clock: True)


def models_of_the_future(patch: pytest.MonkeyPatch) -> None:
    """A decision uses a model that has learned from what came after it."""
    current = propose.current_version
    patch.setattr(propose, "current_version", lambda row, model, clock: current(row, model, clock * 2))


# each with the number of seeds within which it is found: about five times as many as it takes now
BUGS: Final[dict[Plant, int]] = {
    no_fencing: 75, joined_with_open_work: 400, not_settled: 125, restored_uncommitted: 25, routed_uncommitted: 450,
    position_aside: 25, step_forgotten: 10, tombstones_forgotten: 20, errors_passed_over: 75, old_chunks_taken: 350,
    control_not_read_again: 20, timers_not_restored: 10, answers_taken_twice: 25, repeats_not_known: 10,
    models_of_the_future: 20,
}  # fmt: skip
