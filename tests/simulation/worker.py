"""A simulated worker: the product's own shards, committers, restores and appliers, on a simulated log and clock.

What it leaves out is Faust's consumer: `fetch`, `hand_over` and `rejoin` do what `agents.transport.consumer` does with
what it fetches, when it has fetched it, and when the group has decided.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, NamedTuple, cast

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from faust.types import TP

from agents.app import AGENTS, Parts
from agents.applier import ShardApplier
from agents.counts import Counts
from agents.settings import Settings
from agents.telemetry import Telemetry
from agents.transport.assignment import Deployment
from agents.transport.chunk import ChunkMessage
from agents.transport.errors import EXIT_TRANSPORT
from agents.transport.shard import Shard
from agents.transport.shards import Shards
from agents.transport.share import Share
from agents.transport.transactions import Membership
from agents.transport.tuning import Tuning
from streams.state import State
from tests.simulation.log import Log, Record
from tests.simulation.loop import Clock, VirtualLoop
from tests.simulation.network import Line, Network

PARTITIONS: Final = 2
CONTROL: Final = ("policies", "models")
SOURCES: Final = tuple(AGENTS)
TUNING: Final = Tuning(pending_max=12)
TELEMETRY: Final = Telemetry()  # one for all: making one takes longer than a hundred events


def state_of(shard: Shard) -> State:
    """Return the tables of a shard that runs."""
    applier = shard.applier
    assert isinstance(applier, ShardApplier)
    return applier.driver.state


@dataclass(frozen=True)
class End:
    """Why a process ended itself."""

    reason: str
    cause: BaseException | None = None
    exit_code: int = EXIT_TRANSPORT
    is_bug: bool = False

    @property
    def is_in_order(self) -> bool:
        """Tell whether a supervisor may start it again as if nothing were wrong: the network was, or another owner."""
        return self.exit_code == EXIT_TRANSPORT and (not self.is_bug or isinstance(self.cause, KafkaError))

    def __str__(self) -> str:
        return f"{self.reason}: {self.cause!r} (exit {self.exit_code})"


class Identity(str):
    """One life's name, with what is asked of a random one."""

    __slots__ = ()

    @property
    def hex(self) -> str:
        """Return it."""
        return str(self)


class Assigned(NamedTuple):
    """What the group's leader tells a member."""

    partitions: frozenset[int]
    generation: int
    living: list[str]  # transactional ids


@dataclass
class Chunk:
    """What an agent is given."""

    message: ChunkMessage
    value: list[Record]


@cache
def settings_of(mode: str) -> Settings:
    """Return the settings of a small deployment."""
    return Settings(partitions=PARTITIONS, mode=mode, chunk_max=4)


class Worker:
    """One worker process, from its start to its end."""

    def __init__(self, name: str, birth: int, log: Log, network: Network, settings: Settings) -> None:
        self.name: Final = name
        self.id: Final = Identity(f"{name}-{birth:03}")
        self.log: Final = log
        self.loop: Final = WorkerLoop(network.clock, self)  # type: ignore[abstract]  # what asyncio never calls
        self.line: Final = Line(name, network, self.loop)
        self.end: End | None = None
        self.is_up = False  # the group may count on it
        self.generation = -1  # of the group, as far as it knows
        self.partitions: frozenset[int] = frozenset()
        self.is_rejoining = False
        self.assigned: asyncio.Future[Assigned] | None = None  # what it waits for, having joined the next generation
        self.shards: Shards
        self.parts: Parts
        self._settings: Final = settings
        self._next: dict[TopicPartition, int] = {}
        self._wanted: dict[TopicPartition, int] = {}  # behind the last record that came; holes may follow
        self._paused: set[TopicPartition] = set()
        self._fetched: deque[tuple[TopicPartition, list[Record], int, int]] = deque()
        self._rejoining: asyncio.Task[None] | None = None
        self.loop.create_task(self._live())

    # what its consumer does

    def fetch(self, number: int, records_max: int) -> int:
        """Fetch from one of its sources; return how many records came."""
        places = [tp for tp in self._next if tp not in self._paused] if self.sources() else []
        if not places:
            return 0
        tp = places[number % len(places)]
        records, self._next[tp] = self.log.fetch(tp, self._next[tp], records_max, committed=True)
        if records:
            self._fetched.append((tp, records, self._wanted[tp], self.generation))
            self._wanted[tp] = records[-1].offset + 1
        return len(records)

    def sources(self) -> int:
        """Return how many sources it reads now."""
        is_still = self.is_rejoining or self.line.is_frozen
        return 0 if is_still else len(self._next) - len(self._paused)

    def is_dirty(self) -> bool:
        """Tell whether it has applied what is not committed."""
        shards = self.shards.shards.values() if self.is_up else ()
        return any(cast("Share", shard.committer).pending for shard in shards)

    def has_fetched(self) -> bool:
        """Tell whether it has what it can offer."""
        return bool(self._fetched) and not self.line.is_frozen

    def hand_over(self) -> bool:
        """Offer to its shard what was fetched first, by now perhaps in another generation; tell if anything was."""
        if not self.has_fetched():
            return False
        tp, records, since, generation = self._fetched.popleft()
        chunk: Any = Chunk(ChunkMessage(TP(*tp), records, since, generation), records)
        self.loop.create_task(self.shards.offer(chunk))
        return True

    def rejoin(self) -> None:
        """Hear that the group rebalances: commit what was applied, join, and take over what the group assigns."""
        if self._rejoining is not None:
            self._rejoining.cancel()
        self.is_rejoining = True
        self.assigned = None
        self._rejoining = self.loop.create_task(self._rejoin())

    def pause_partitions(self, tps: Iterable[TP]) -> None:
        """Fetch no more from these."""
        self._paused |= {TopicPartition(*tp) for tp in tps}

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        """Fetch from these again."""
        self._paused -= {TopicPartition(*tp) for tp in tps}

    # how it ends

    def die(self, end: End) -> None:
        """End itself."""
        if self.end is None:
            self.end = end
        self.loop.is_over = True

    def bury(self) -> None:
        """Leave nothing of it but what it has sent."""
        self.is_up = False
        self.line.cut()
        self.loop.clear()

    async def _live(self) -> None:
        telemetry, settings = TELEMETRY, self._settings
        self.parts = Parts(settings, Counts(telemetry))
        nouns = frozenset((*SOURCES, *CONTROL))
        deployment = Deployment(settings, TUNING, nouns, self.parts.applier, telemetry, self._wake)
        self.shards = Shards(deployment, self.parts.listen)
        self.shards.consumer = self
        try:
            await self.shards.on_start()
        except Exception as error:  # noqa: BLE001 — Faust ends a worker that does not start, whatever it is
            self.die(End("the worker did not start", error, is_bug=True))
            return
        self.is_up = True

    def _wake(self) -> None:
        self.shards.wake()

    async def _rejoin(self) -> None:
        await self.shards.drain()
        self.assigned = self.loop.create_future()
        partitions, generation, living = await self.assigned
        self.assigned = None
        self.generation = generation
        self.shards.living = living
        await self.shards.assign(partitions, Membership("continuo", generation, str(self.id)))
        self.partitions = partitions
        self._next, self._paused = {}, set()
        for noun in SOURCES:
            for number in partitions:
                tp = TopicPartition(self.shards.deployment.name(noun), number)
                offset = self.shards.next_offset(TP(*tp))
                if offset is not None:
                    self._next[tp] = self._wanted[tp] = offset
        self.is_rejoining = False


class WorkerLoop(VirtualLoop):
    """A loop that knows whose it is."""

    def __init__(self, clock: Clock, worker: Worker) -> None:
        super().__init__(clock)
        self.worker: Final = worker


def here() -> Worker:
    """Return the worker that runs this."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, WorkerLoop)
    return loop.worker
