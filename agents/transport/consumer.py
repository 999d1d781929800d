"""Faust's consumer with another path of a record: chunks, and positions that belong to the shards.

Theory of operation. Fetching, the group and its heartbeats stay Faust's and aiokafka's, in their thread. What is ours:
`_next[tp]` is the offset that this process wants to see next; each seek sets it, each delivery advances it. `_epoch`
changes around every seek: a fetch that began under another epoch or before the flow was resumed is discarded and the
partition sought back, so nothing is skipped and nothing is delivered twice. A hole in the offsets is sought back once;
where the broker repeats it, it is real (transaction markers, compaction), and from then on the partition's holes are
believed. aiokafka never resets a position by itself: out of range ends the process.
What flows is our own decision: `_fed` is the generation whose partitions were sought and not revoked since. Faust's
flags do not tell: a recovery that a rebalance overtakes resumes the flow and ends "rebalancing" in the middle of it,
and resuming the flow clears the agents' queues.
Nothing is acked: the group's offsets are committed by the shards' transactions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, cast

from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import ConsumerStoppedError, NoOffsetForPartitionError, OffsetOutOfRangeError
from faust.transport.consumer import Fetcher, ensure_TP
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from mode import Service

from agents.transport.chunk import ChunkMessage
from agents.transport.clients import new_consumer
from agents.transport.copartition import Copartition, Held
from agents.transport.errors import EXIT_REFUSED, die
from agents.transport.fetched import fetch
from agents.transport.headers import accept_any_header
from agents.transport.host import ShardHost
from agents.transport.transactions import Membership

WATCH_S: Final = 1.0  # how long a worker that its group refuses goes unnoticed
FETCH_S: Final = 0.25  # a resumed partition joins the next fetch only, so no fetch waits longer
REQUEST_TIMEOUT_MS: Final = 90_000  # a join waits for the slowest member


class ChunkThread(driver.AIOKafkaConsumerThread):
    """The thread that fetches; its consumer is made with our settings instead of Faust's."""

    def _create_worker_consumer(self, transport: driver.Transport) -> AIOKafkaConsumer:
        del transport
        accept_any_header()
        app = cast("ShardHost", self.app)
        tuning = app.tuning
        return new_consumer(
            app.settings.bootstrap,
            client_id=app.conf.broker_client_id,
            group_id=app.conf.id,
            partition_assignment_strategy=[Copartition(app.settings.partitions, self._held, self._hear)],
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed",
            max_partition_fetch_bytes=tuning.fetch_bytes_max,
            check_crcs=False,  # TCP and the broker have checked
            fetch_max_wait_ms=tuning.fetch_wait_ms,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            session_timeout_ms=int(tuning.session_s * 1000),
            rebalance_timeout_ms=int(tuning.rebalance_s * 1000),
            heartbeat_interval_ms=int(tuning.heartbeat_s * 1000),
            max_poll_interval_ms=1_000_000,  # a turnstile that hangs is seen by its transactions
            metadata_max_age_ms=60_000,
        )

    async def _fetch_records(
        self,
        consumer: AIOKafkaConsumer,
        active_partitions: set[TP],
        timeout: float | None = None,  # noqa: ASYNC109 — Faust's name, Faust's caller
        max_records: int | None = None,
    ) -> Any:
        del max_records  # none is set: a fetch is handed on whole
        if not self.consumer.flow_active:
            return {}
        if consumer._closed or consumer._fetcher._closed:
            raise ConsumerStoppedError
        consumer._coordinator.check_errors()  # else a worker that cannot be in its group would go on outside of it
        return await fetch(consumer, active_partitions, timeout or 0.0)

    def _held(self) -> Held:
        shards = cast("ShardHost", self.app).shards
        return Held(shards.generation or 0, sorted(shards.shards), shards.id)

    def _hear(self, living: list[str]) -> None:
        cast("ShardHost", self.app).shards.living = living


class ChunkConsumer(driver.Consumer):
    """Delivers chunks and keeps the positions."""

    app: ShardHost

    def __init__(self, *args: Any, **options: Any) -> None:
        """Prepare, as Faust's consumer does."""
        super().__init__(*args, **options)
        self._next: dict[TP, int] = {}
        self._discarded: dict[TP, int] = {}  # to be sought back: first offset that was thrown away
        self._suspects: set[TP] = set()  # sought back because of a hole
        self._believed: set[TP] = set()  # whose holes are real
        self._epoch = 0
        self._sought: int | None = None  # generation that is being sought; None again when it is revoked
        self._fed: int | None = None  # generation whose chunks are delivered
        self._resumed = asyncio.Event()
        self._chunk_max = self.app.settings.chunk_max

    def _new_consumer_thread(self) -> ChunkThread:
        return ChunkThread(self, loop=self.loop, beacon=self.beacon)

    # ------------------------------------------------------------------------------------------------ positions

    async def perform_seek(self) -> None:
        """Take over the partitions just assigned and seek each source to the position stored with its state.

        Faust calls this when an assignment is complete and before it resumes the flow.
        """
        self.stop_flow()  # until Faust resumes it, and with that clears the agents' queues, behind this
        self._epoch += 1
        generation = self._sought = self.app.consumer_generation_id
        assigned = self.assignment()
        shards = self.app.shards
        shards.consumer = self
        await shards.assign({tp.partition for tp in assigned}, self._membership(generation))
        self._suspects.clear()
        self._believed.intersection_update(assigned)
        places = {tp: shards.next_offset(tp) for tp in assigned}
        self._next.clear()
        await self.seek_wait({tp: offset for tp, offset in places.items() if offset is not None})
        if self._sought == generation:
            self._fed = generation
            self._resumed.set()
        self.app.freeze()

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Seek, and discard what is being fetched meanwhile."""
        self._epoch += 1
        for tp, offset in partitions.items():
            self._next[tp] = offset
            self._discarded.pop(tp, None)
        await super().seek_wait(partitions)
        self._epoch += 1

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Stop the flow, then commit what was applied, before anybody else may take over."""
        self._sought = self._fed = None
        await super().on_partitions_revoked(revoked)
        await self.app.shards.drain()
        for tp in revoked:
            self._next.pop(tp, None)
            self._discarded.pop(tp, None)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Have the new partitions sought; Faust seeks nothing where nothing is assigned, and then all is released."""
        await super().on_partitions_assigned(assigned, generation_id)
        if not assigned:
            await self.app.shards.assign((), self._membership(generation_id))

    def _membership(self, generation: int) -> Membership:
        """Return as what this worker holds what it was assigned, whatever the group has become meanwhile."""
        consumer = cast("AIOKafkaConsumer", cast("ChunkThread", self._thread)._consumer)
        return Membership(self.app.conf.id, generation, consumer._coordinator.member_id)

    def resume_partitions(self, tps: Any) -> None:
        """Fetch from these partitions again."""
        super().resume_partitions(tps)
        self._resumed.set()

    @Service.task
    async def _watch_group(self) -> None:
        """End where the group does not take us: aiokafka raises that with a fetch, and nothing is fetched before."""
        while not self.should_stop:
            await self.sleep(WATCH_S)
            consumer = cast("ChunkThread", self._thread)._consumer
            coordinator = consumer._coordinator if consumer is not None else None
            refused = coordinator._pending_exception if isinstance(coordinator, GroupCoordinator) else None
            if refused is not None and self._fed is None:
                die("the group does not take this worker", refused)

    # ------------------------------------------------------------------------------------------------- delivery

    async def _drain_messages(self, fetcher: Fetcher) -> None:  # type: ignore[override]
        stopped = (self._stopped.is_set, fetcher._stopped.is_set)
        try:
            while not any(is_set() for is_set in stopped):
                await self._deliver_next()
                await asyncio.sleep(0)
        except OffsetOutOfRangeError as error:
            die(f"a source lost records before they were read (deleted or truncated): {error}", exit_code=EXIT_REFUSED)
        except self.consumer_stopped_errors:
            if not self.app.should_stop:
                raise
        except asyncio.CancelledError:
            if not self.app.should_stop:
                raise

    async def _deliver_next(self) -> None:
        if not self.flow_active:
            await self.wait(self.can_resume_flow)  # type: ignore[arg-type]
        generation, epoch = self._fed, self._epoch
        if generation is not None and self._discarded:
            await self._seek_back()
            epoch = self._epoch
        active = self._get_active_partitions() if generation is not None else None
        if not active:
            self._resumed.clear()
            await self.wait_first(self._resumed.wait(), timeout=1.0)
            return
        try:
            fetched = await self._getmany(active_partitions=active, timeout=FETCH_S)
        except NoOffsetForPartitionError as error:
            # A fetch that was under way when the assignment changed looks for the group's offset, which is not ours.
            self._discarded.update({tp: self._next[tp] for tp in map(ensure_TP, error.args) if tp in self._next})
            return
        for source, records in (fetched or {}).items():
            tp = ensure_TP(source)
            if epoch != self._epoch or generation is None or generation != self._fed or not self.flow_active:
                self._discarded.setdefault(tp, records[0].offset)
                continue
            self.app.monitor.track_tp_end_offset(tp, self.highwater(tp))
            for start in range(0, len(records), self._chunk_max):
                if not await self._deliver(tp, records[start : start + self._chunk_max], generation):
                    break

    async def _deliver(self, tp: TP, records: Sequence[ConsumerRecord], generation: int) -> bool:
        wanted = self._next[tp]
        if records[0].offset < wanted:
            records = [record for record in records if record.offset >= wanted]
            if not records:
                return True
        if records[0].offset > wanted and not self._is_real_hole(tp):
            self._discarded[tp] = wanted
            return False
        self._suspects.discard(tp)
        message = ChunkMessage(tp, records, wanted, generation)
        self._next[tp] = self._read_offset[tp] = message.next_offset
        await self.wait_first(self.callback(message), self.suspend_flow.wait())
        return self.flow_active and self._fed == generation

    def _is_real_hole(self, tp: TP) -> bool:
        if tp in self._believed:
            return True
        if tp in self._suspects:
            self._believed.add(tp)
            return True
        self._suspects.add(tp)
        return False

    async def _seek_back(self) -> None:
        assigned = self.assignment()
        places = {tp: self._next.get(tp, offset) for tp, offset in self._discarded.items() if tp in assigned}
        self._discarded.clear()
        if places:
            await self.seek_wait(places)

    # -------------------------------------------------------------------------------------------- group offsets

    def ack(self, message: Any) -> bool:
        """Note nothing: the group's offsets are committed with the transactions."""
        del message
        return False

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        del topics
        return iter(())


class ChunkTransport(driver.Transport):
    """Faust's transport with our consumer."""

    Consumer = ChunkConsumer
