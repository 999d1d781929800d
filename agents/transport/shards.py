"""All shards of a worker: given and taken by the group, turned one after the other by the one turnstile.

Theory of operation. One task goes round the shards and lets each apply one run of records, until none can; then it
waits for a chunk, a commit, a timer. So no shard waits for another's transaction, and there is one place where state
changes. A source whose backlog has grown is paused at the consumer and resumed when it has shrunk: the other
partitions and the answers to open rounds keep coming.
A shard survives a rebalance only when the group's generations are consecutive, for only then has nobody else had it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection, Iterable, Sequence
from time import time
from typing import Any, Final, Protocol, cast
from uuid import uuid4

from aiokafka import ConsumerRecord
from aiokafka.client import AIOKafkaClient
from faust.types import TP, EventT
from mode import Service

from agents.access.servers import CODECS
from agents.transport.applier import WorkerStop
from agents.transport.assignment import Deployment, new_committer, open_shards
from agents.transport.chunk import ChunkMessage
from agents.transport.clients import new_client
from agents.transport.committer import Committer
from agents.transport.control import ControlReader, Listener
from agents.transport.errors import Refused, die
from agents.transport.shard import Shard, Source
from agents.transport.transactions import Membership, Transactions
from streams.topology import BY_NOUN

BACKLOG_CHUNKS_MAX: Final = 2  # of a source: one to work on, one to hide the way from a resumed fetch


class Flow(Protocol):
    """Who fetches: what a shard does not want now is paused there."""

    def pause_partitions(self, tps: Iterable[TP]) -> None:
        """Fetch no more from these."""

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        """Fetch from these again."""


class Shards(Service):
    """The shards that this worker holds now."""

    def __init__(self, deployment: Deployment, listener: Listener | None, **options: Any) -> None:
        """Prepare; `listener` is told of control records, once per worker."""
        self.deployment = deployment
        self.shards: dict[int, Shard] = {}
        self.generation: int | None = None
        self.consumer: Flow | None = None  # whose sources are paused and resumed
        self._control = ControlReader(
            deployment.settings.bootstrap,
            [deployment.name(noun) for noun in sorted(deployment.nouns) if BY_NOUN[noun].control],
            self._hear,
            self.wake,
        )
        self._listener = listener
        self._backlog_max = BACKLOG_CHUNKS_MAX * deployment.settings.chunk_max
        self._records = {
            topic: deployment.telemetry.counter("continuo_transport_records_total", topic)
            for topic in map(deployment.name, deployment.nouns)
        }
        self.id = f"{self.prefix}{uuid4().hex}"
        self.living: Collection[str] = ()  # ids of the members of the group's present generation
        self.committer: Committer
        self._client: AIOKafkaClient
        self._draining = True
        self._drains = 0  # how often the shards were drained
        self._assigning = asyncio.Lock()
        self._awake = asyncio.Event()
        self._turnstile: asyncio.Task[None] | None = None
        super().__init__(**options)

    async def on_start(self) -> None:
        """Read the control topics, then let the shards to come be turned and committed."""
        await self._control.start()
        self._client = new_client(self.deployment.settings.bootstrap, self.id)
        await self._client.bootstrap()
        codec = CODECS[self.deployment.settings.compression]
        transactions = Transactions(self._client, self.id, self.deployment.tuning.transaction_timeout_s, codec)
        self.committer = new_committer(transactions, self.deployment)
        await self.committer.start()
        self._turnstile = asyncio.create_task(self._run(), name="turnstile")

    async def on_stop(self) -> None:
        """Commit what was applied and release every shard."""
        await self.drain()
        if self._turnstile is not None:
            self._turnstile.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._turnstile
        await self._control.stop()
        await self._close(list(self.shards))
        await self.committer.stop()
        await self._client.close()

    def is_ready(self) -> bool:
        """Tell whether this worker holds its share of the partitions and takes what they bring."""
        return self.generation is not None and not self._draining

    def wake(self) -> None:
        """Have the turnstile look again: a shard may be able to go on."""
        self._awake.set()

    async def offer(self, chunk: EventT[Any]) -> None:
        """Put a chunk into its shard's backlog; one of a former assignment is dropped, for it is read again."""
        message = cast("ChunkMessage", chunk.message)
        if self._draining or message.generation_id != self.generation:
            return
        shard = self.shards[message.partition]
        source = shard.sources[message.topic]
        if message.since > source.next_offset:
            place = f"{message.topic}/{message.partition}"
            die(f"{place}: the records from {source.next_offset} to before {message.since} were lost inside the worker")
        source.offer(chunk.value)
        if source.records >= self._backlog_max and not source.paused and self.consumer is not None:
            source.paused = True
            self.consumer.pause_partitions({TP(message.topic, message.partition)})
        self._records[message.topic].inc(len(chunk.value))
        self._awake.set()

    @property
    def prefix(self) -> str:
        """Return what the transactional ids of all workers begin with."""
        return f"{self.deployment.settings.namespace}.worker."

    async def assign(self, partitions: Iterable[int], member: Membership) -> None:
        """Hold exactly these partitions from now on, as this member; ends the process when one cannot be taken."""
        # Faust gives up waiting when the next rebalance begins; what was begun is finished, and weighed by that one.
        await asyncio.shield(asyncio.ensure_future(self._assign(set(partitions), member)))

    async def drain(self) -> None:
        """Take nothing more, forget what was not applied, and commit what was."""
        self._draining = True
        self._drains += 1
        self._control.suspend()
        for shard in self.shards.values():
            shard.forget()
        await asyncio.gather(*(shard.committer.drain() for shard in self.shards.values()))

    def next_offset(self, tp: TP) -> int | None:
        """Return where reading goes on, or None where this worker has no such shard."""
        shard = self.shards.get(tp.partition)
        return None if shard is None else shard.next_offset(tp.topic)

    async def _assign(self, partitions: set[int], member: Membership) -> None:
        async with self._assigning:
            # A drain may have been cancelled. What is open is committed as the member that did it, or never.
            await self.drain()
            drains = self._drains
            generation, self.committer.member = member.generation, member
            has_followed = self.generation is not None and generation in (self.generation, self.generation + 1)
            await self._close([number for number in self.shards if number not in partitions or not has_followed])
            new = partitions - self.shards.keys()
            try:
                if new:
                    await self.committer.transactions.fence_others(self.prefix, self.living)
                    self.shards |= await open_shards(sorted(new), self.deployment, self.committer)
                await self._control.catch_up(self.shards)
            except Refused as error:
                die(str(error), exit_code=error.exit_code)
            except WorkerStop as stop:
                die(str(stop), exit_code=stop.exit_code)
            except Exception as error:  # noqa: BLE001 — half a state is none
                die(f"taking over partitions {sorted(new)} failed", error, bug=True)
            self.generation = generation
            if drains == self._drains:  # else these partitions were revoked while they were taken over
                self._draining = False
                self.wake()

    async def _close(self, numbers: list[int]) -> None:
        closed = [self.shards.pop(number) for number in numbers]
        await asyncio.gather(*(shard.committer.stop() for shard in closed))
        for number in numbers:
            self.deployment.telemetry.forget("partition", str(number))

    def _hear(self, topic: str, records: Sequence[ConsumerRecord]) -> None:
        self._records[topic].inc(len(records))
        if self._listener is not None:
            self._listener(topic, records)

    async def _run(self) -> None:
        timer: asyncio.TimerHandle | None = None
        try:
            while True:
                await self._awake.wait()
                self._awake.clear()
                while await self._round():
                    pass
                if timer is not None:
                    timer.cancel()
                wake_at = min((s.wake_at for s in self.shards.values() if s.wake_at is not None), default=None)
                if wake_at is not None:
                    # A wake that is already due waits for room in the committer, and a commit wakes us by itself.
                    wait_s = max(0.005, wake_at / 1000 - time())
                    timer = asyncio.get_running_loop().call_later(wait_s, self._awake.set)
        except asyncio.CancelledError:
            raise
        except WorkerStop as stop:
            die(str(stop), exit_code=stop.exit_code)
        except BaseException as error:  # noqa: BLE001 — half a turn is none
            die("a turn failed", error, bug=True)

    async def _round(self) -> bool:
        """Let each shard take one turn; tell whether any did."""
        has_turned = False
        for number, shard in list(self.shards.items()):
            if self._draining:
                return False
            taken = shard.turn(int(time() * 1000))
            if taken is None:
                continue
            has_turned = True
            if isinstance(taken, Source):
                self._after(number, taken)
            await asyncio.sleep(0)
        return has_turned

    def _after(self, number: int, source: Source) -> None:
        if source.paused and source.records * 2 <= self._backlog_max and self.consumer is not None:
            source.paused = False
            self.consumer.resume_partitions({TP(source.topic, number)})
