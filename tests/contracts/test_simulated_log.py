"""The simulated log does what Kafka does, as far as the transport can tell: one suite for both.

What it cannot do stands in `tests/simulation/log.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import IllegalGenerationError, InvalidProducerEpoch, ProducerFenced, UnknownMemberIdError

from agents.transport.clients import new_client, reader
from agents.transport.transactions import Membership, Transactions
from tests.simulation.clients import SimulatedConsumer, SimulatedTransactions
from tests.simulation.log import Log
from tests.simulation.loop import Clock, VirtualLoop
from tests.simulation.network import Line, Network
from tests.toy_deployment import ToyDeployment

SETTLED_S: Final = 20.0  # for markers to follow
ANYBODY: Final = Membership("a-group", -1, "")  # whom a group without members does not refuse


@dataclass
class Ground:
    """A log, and clients on it."""

    place: TopicPartition
    producer: Callable[[str], Any]
    reader: Callable[[bool], AbstractAsyncContextManager[Any]]  # committed?

    async def started(self, name: str) -> Any:
        """Return a producer that may write."""
        producer = self.producer(name)
        await producer.start()
        return producer

    async def write(self, producer: Any, *values: bytes) -> None:
        """Write records and wait for their acknowledgement."""
        batch = producer.open_batch()
        for number, value in enumerate(values):
            batch.write(number, 1, b"k", value, [])
        batch.count = len(values)
        await producer.send({self.place: [batch]})

    async def commit(self, producer: Any, *values: bytes) -> None:
        """Write records in a transaction of their own."""
        await self.write(producer, *values)
        await self.end_transaction(producer)

    async def end_transaction(self, producer: Any, member: Membership = ANYBODY) -> None:
        """Commit what was written."""
        await producer.commit({self.place: 1}, member)

    async def end(self, *, committed: bool) -> int:
        """Return where a reader ends."""
        async with self.reader(committed) as consumer:
            ends: dict[TopicPartition, int] = await consumer.end_offsets([self.place])
            return ends[self.place]

    async def wait_settled(self) -> None:
        """Wait until a committed reader comes as far as any other."""
        async with asyncio.timeout(SETTLED_S):
            while True:
                if await self.end(committed=True) == await self.end(committed=False):
                    return
                await asyncio.sleep(0.02)

    async def read(self, until: int, *, committed: bool) -> list[tuple[int, bytes]]:
        """Return offsets and values of what a reader finds until its position is `until`."""
        async with self.reader(committed) as consumer:
            consumer.assign([self.place])
            consumer.seek(self.place, 0)
            found: list[tuple[int, bytes]] = []
            async with asyncio.timeout(SETTLED_S):
                while await consumer.position(self.place) < until:
                    for records in (await consumer.getmany(timeout_ms=50)).values():
                        found += [(record.offset, record.value) for record in records]
            return found


Scenario = Callable[[Ground], Awaitable[None]]


@pytest.fixture(params=["simulated", pytest.param("kafka", marks=pytest.mark.kafka)])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Scenario], None]:
    """Return what runs a scenario on the simulated log, or on Kafka."""
    if request.param == "simulated":
        return run_simulated
    servers: str = request.getfixturevalue("broker")
    deployment = ToyDeployment(servers, tmp_path)
    return lambda scenario: asyncio.run(run_on_kafka(scenario, deployment))


async def run_on_kafka(scenario: Scenario, deployment: ToyDeployment) -> None:
    """Run a scenario on a real broker."""
    client = new_client(deployment.broker, "contract")
    await client.bootstrap()
    try:
        ground = Ground(
            TopicPartition(deployment.topic("events"), 0),
            lambda name: Transactions(client, f"{deployment.group}-{name}", 30),
            lambda committed: reader(deployment.broker, committed=committed),
        )
        await bounded(scenario, ground)
    finally:
        await client.close()


async def bounded(scenario: Scenario, ground: Ground) -> None:
    async with asyncio.timeout(120):
        await scenario(ground)


def run_simulated(scenario: Scenario) -> None:
    """Run a scenario; answers come one by one, and markers when there is nothing else to do."""
    clock = Clock(0)
    log, network = Log(clock), Network(clock)
    log.members[ANYBODY.member_id] = ANYBODY.generation
    loop = VirtualLoop(clock)  # type: ignore[abstract]  # what asyncio never calls
    line = Line("client", network, loop)

    @asynccontextmanager
    async def simulated_reader(committed: bool) -> AsyncIterator[SimulatedConsumer]:
        yield SimulatedConsumer(log, line, committed=committed)

    ground = Ground(TopicPartition("events", 0), lambda name: SimulatedTransactions(log, line, name), simulated_reader)
    task = loop.create_task(bounded(scenario, ground))
    while not task.done():
        loop.run()
        arriving = network.arriving()
        if arriving:
            network.carry_out(arriving[0])
        elif log.markers and clock.ms % 40:
            log.mark(0)
        elif not task.done():
            clock.ms = max(clock.ms + 1, loop.next_timer() or 0)
            loop.fire()
    task.result()


def test_what_a_fenced_producer_has_open_is_aborted_and_it_can_write_no_more(run: Callable[[Scenario], None]) -> None:
    async def scenario(ground: Ground) -> None:
        old = await ground.started("p")
        await ground.write(old, b"lost")
        new = await ground.started("p")
        with pytest.raises((ProducerFenced, InvalidProducerEpoch)):
            await ground.end_transaction(old)
        await ground.commit(new, b"kept")
        await ground.wait_settled()
        end = await ground.end(committed=True)
        assert end == 4  # each of the two stands before its marker
        assert await ground.read(end, committed=True) == [(2, b"kept")]
        assert await ground.read(end, committed=False) == [(0, b"lost"), (2, b"kept")]

    run(scenario)


def test_whoever_is_not_of_the_group_is_refused_and_what_it_wrote_is_aborted(run: Callable[[Scenario], None]) -> None:
    async def scenario(ground: Ground) -> None:
        zombie = await ground.started("zombie")
        await ground.write(zombie, b"lost")
        with pytest.raises((IllegalGenerationError, UnknownMemberIdError)):
            await ground.end_transaction(zombie, Membership("a-group", 7, "nobody"))
        await ground.commit(zombie, b"kept")
        await ground.wait_settled()
        assert await ground.read(await ground.end(committed=True), committed=True) == [(2, b"kept")]

    run(scenario)


def test_who_may_still_write_is_fenced_unless_it_lives(run: Callable[[Scenario], None]) -> None:
    async def scenario(ground: Ground) -> None:
        gone, idle, living, me = [await ground.started(name) for name in ("gone", "idle", "living", "me")]
        await ground.write(gone, b"lost")
        await ground.commit(idle, b"done")
        await ground.write(living, b"kept")
        await me.fence_others(me.id.removesuffix("me"), [living.id])
        for fenced in (gone, idle):
            with pytest.raises((ProducerFenced, InvalidProducerEpoch)):
                await ground.write(fenced, b"too late")
        await ground.end_transaction(living)
        await ground.wait_settled()
        end = await ground.end(committed=True)
        assert [value for _, value in await ground.read(end, committed=True)] == [b"done", b"kept"]

    run(scenario)


def test_a_committed_reader_ends_before_the_first_open_transaction(run: Callable[[Scenario], None]) -> None:
    async def scenario(ground: Ground) -> None:
        slow, quick = await ground.started("slow"), await ground.started("quick")
        await ground.commit(quick, b"before")
        await ground.wait_settled()
        await ground.write(slow, b"open", b"still open")
        await ground.commit(quick, b"after")
        assert await ground.end(committed=True) == 2
        assert await ground.end(committed=False) >= 5
        assert await ground.read(2, committed=True) == [(0, b"before")]
        assert [value for _, value in await ground.read(5, committed=False)] == [
            b"before", b"open", b"still open", b"after",
        ]  # fmt: skip
        await ground.end_transaction(slow)
        await ground.wait_settled()
        end = await ground.end(committed=True)
        assert end == 7
        assert [value for _, value in await ground.read(end, committed=True)] == [
            b"before", b"open", b"still open", b"after",
        ]  # fmt: skip

    run(scenario)


def test_a_position_passes_a_marker_that_stands_at_the_end(run: Callable[[Scenario], None]) -> None:
    async def scenario(ground: Ground) -> None:
        producer = await ground.started("p")
        await ground.commit(producer, b"one", b"two")
        await ground.wait_settled()
        assert await ground.read(3, committed=True) == [(0, b"one"), (1, b"two")]

    run(scenario)


def test_transactions_of_one_producer_follow_each_other(run: Callable[[Scenario], None]) -> None:
    async def scenario(ground: Ground) -> None:
        producer = await ground.started("p")
        for value in (b"1", b"2", b"3"):
            await ground.commit(producer, value)
        await ground.wait_settled()
        assert await ground.read(6, committed=True) == [(0, b"1"), (2, b"2"), (4, b"3")]

    run(scenario)
