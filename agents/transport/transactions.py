"""One worker's transactions at Kafka: a request for each thing that a committer has to say, in an order that is sound.

Theory of operation. A transaction is: its partitions announced, batches produced and acknowledged by all copies in
sync, the group's offsets committed under the generation and member id of the assignment (KIP-447), then its end.
The broker refuses those offsets to whoever is no longer of that generation, and what is refused is aborted: so nobody
needs to fence a former owner before taking over its partitions, only to see to it that what it left open is decided.
Sound only because the offsets are sent when everything produced is acknowledged, and the end when the offsets are.
What can be tried again is, until the caller's patience ends; nothing is doubled by it, for batches carry sequence
numbers and all else may be said twice. Every other error is raised, and ends the worker: only the log knows then.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient, ConnectionGroup, CoordinationType
from aiokafka.errors import (
    BrokerResponseError,
    ConcurrentTransactions,
    DuplicateSequenceNumber,
    KafkaError,
    NoError,
    ProducerFenced,
    for_code,
)
from aiokafka.protocol.transaction import (
    AddOffsetsToTxnRequest,
    AddPartitionsToTxnRequest,
    EndTxnRequest,
    InitProducerIdRequest,
)
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from agents.transport.clients import BATCH_BYTES_MAX
from agents.transport.requests import ListTransactions, Produce, TxnOffsetCommit

BACKOFF_S: Final = 0.001  # while the markers of the last transaction are written: a matter of milliseconds
BACKOFF_S_MAX: Final = 0.1
UNFENCED: Final = (  # states of ids whose owners may still write, now or when the markers are written
    "Ongoing", "PrepareCommit", "PrepareAbort", "CompleteCommit", "CompleteAbort",
)  # fmt: skip
LIST_TRIES: Final = 3  # what is not found is waited for before a restore, or times out
SEQUENCES: Final = 1 << 31  # they begin anew at zero

_FENCED: Final = 90  # aiokafka has no class for it


class Membership(NamedTuple):
    """As what a worker holds its partitions."""

    group: str
    generation: int
    member_id: str


class Batch:
    """Records for one partition, written as they come."""

    __slots__ = ("_builder", "count", "write")

    def __init__(self, codec: int = 0) -> None:
        self._builder = DefaultRecordBatchBuilder(
            2, codec, is_transactional=1, producer_id=-1, producer_epoch=-1, base_sequence=0, batch_size=BATCH_BYTES_MAX
        )
        self.count = 0  # records; whoever writes counts
        self.write: Callable[..., Any] = self._builder.append
        """(number, timestamp, key, value, headers): None where there is no room."""

    def built(self, producer_id: int, epoch: int, sequence: int) -> bytes | bytearray:
        """Return the bytes; once."""
        self._builder.set_producer_state(producer_id, epoch, sequence)
        built: bytes | bytearray = self._builder.build()
        return built


@dataclass(slots=True)
class _Identity:
    producer_id: int = -1
    epoch: int = -1


class Transactions:
    """The transactions of one transactional id, one after the other."""

    def __init__(self, client: AIOKafkaClient, transactional_id: str, timeout_s: float, codec: int = 0) -> None:
        """Prepare; `client` is started and stopped by whoever made it."""
        self.id: Final = transactional_id
        self._client = client
        self._codec = codec
        self._timeout_ms = int(timeout_s * 1000)
        self._who = _Identity()
        self._sequences: dict[TopicPartition, int] = defaultdict(int)
        self._announced: set[TopicPartition] = set()
        self._nodes: dict[tuple[int, str], int] = {}  # coordinators

    async def start(self) -> None:
        """Fence whoever had this id, and abort what it left open."""
        request = InitProducerIdRequest(self.id, self._timeout_ms)
        answer = await self._coordinate(request, lambda answer: [answer.error_code])
        self._who = _Identity(answer.producer_id, answer.producer_epoch)
        self._sequences.clear()
        self._announced.clear()

    def open_batch(self) -> Batch:
        """Return an empty batch, to be written and sent."""
        return Batch(self._codec)

    async def send(self, batches: Mapping[TopicPartition, Sequence[Batch]]) -> None:
        """Append batches within the open transaction, in order; return when all copies in sync have them."""
        await self._announce(batches)
        who, sequences = self._who, self._sequences
        rounds: list[dict[TopicPartition, bytes | bytearray]] = []
        for tp, several in batches.items():
            for number, batch in enumerate(several):
                if number == len(rounds):
                    rounds.append({})
                rounds[number][tp] = batch.built(who.producer_id, who.epoch, sequences[tp])
                sequences[tp] = (sequences[tp] + batch.count) % SEQUENCES
        for one in rounds:  # a request takes one batch for each partition
            await self._produce(one)

    async def commit(self, offsets: Mapping[TopicPartition, int], member: Membership) -> None:
        """Commit what was sent, and these offsets of the group, which are one at least.

        Raises IllegalGenerationError or UnknownMemberIdError, and has aborted, where `member` is none any more.
        """
        who = (self._who.producer_id, self._who.epoch)
        adding = AddOffsetsToTxnRequest(self.id, *who, member.group)
        await self._coordinate(adding, lambda answer: [answer.error_code])
        committing = TxnOffsetCommit(self.id, member.group, *who, member.generation, member.member_id, offsets)
        try:
            await self._ask(
                committing, (CoordinationType.GROUP, member.group),
                lambda answer: [code for _, partitions, _ in answer.topics for _, code, _ in partitions],
            )  # fmt: skip
        except BrokerResponseError:
            await self._end(is_committed=False)
            raise
        await self._end(is_committed=True)

    async def fence_others(self, prefix: str, living: Iterable[str]) -> list[str]:
        """Fence every id with this prefix that is not among the `living` and may still write; return them."""
        listed = await asyncio.gather(*(self._list(broker.nodeId) for broker in self._client.cluster.brokers()))
        found = {one for ones in listed for one in ones if one.startswith(prefix)}
        gone = sorted(found.difference(living, [self.id]))
        await asyncio.gather(*(Transactions(self._client, one, self._timeout_ms / 1000).start() for one in gone))
        return gone

    async def _list(self, node: int) -> list[str]:
        """Return the ids that a broker coordinates; none when it is down, for then it coordinates none."""
        for _ in range(LIST_TRIES):
            try:
                answer = await self._client.send(node, ListTransactions(UNFENCED))
                error = _error(answer.error_code)
                if error is None:
                    return [one[0] for one in answer.transactions]
                raise error
            except KafkaError as error:
                if not error.retriable:
                    raise
            await asyncio.sleep(BACKOFF_S_MAX)
        return []

    async def _announce(self, tps: Iterable[TopicPartition]) -> None:
        new: dict[str, list[int]] = {}
        for topic, partition in set(tps) - self._announced:
            new.setdefault(topic, []).append(partition)
        if not new:
            return
        who = self._who
        request = AddPartitionsToTxnRequest(self.id, who.producer_id, who.epoch, list(new.items()))
        await self._coordinate(request, lambda answer: [code for _, ps in answer.errors for _, code in ps])
        self._announced.update(TopicPartition(topic, one) for topic, ones in new.items() for one in ones)

    async def _end(self, *, is_committed: bool) -> None:
        request = EndTxnRequest(self.id, self._who.producer_id, self._who.epoch, is_committed)
        await self._coordinate(request, lambda answer: [answer.error_code])
        self._announced.clear()

    async def _produce(self, batches: dict[TopicPartition, bytes | bytearray]) -> None:
        """Append one batch to each partition, trying again with those that were not taken."""
        backoff_s = BACKOFF_S
        while batches:
            nodes: dict[int, dict[TopicPartition, bytes | bytearray]] = defaultdict(dict)
            for tp, batch in batches.items():
                nodes[await self._leader(tp)][tp] = batch
            taken = await asyncio.gather(*(self._append(node, some) for node, some in nodes.items()))
            for done in taken:
                for tp in done:
                    del batches[tp]
            if batches:
                await asyncio.sleep(backoff_s)
                backoff_s = min(backoff_s * 2, BACKOFF_S_MAX)
                await self._client.force_metadata_update()

    async def _append(self, node: int, batches: dict[TopicPartition, bytes | bytearray]) -> list[TopicPartition]:
        """Return the partitions that took their batch; the others may be tried again."""
        try:
            answer = await self._client.send(node, Produce(self.id, batches))
        except KafkaError as error:
            if not error.retriable:
                raise
            return []
        taken = []
        for topic, partitions in answer.topics:
            for partition, code, *_ in partitions:
                refusal = _error(code)
                if refusal is None or isinstance(refusal, DuplicateSequenceNumber):
                    taken.append(TopicPartition(topic, partition))
                elif not refusal.retriable:
                    raise refusal
        return taken

    async def _leader(self, tp: TopicPartition) -> int:
        while True:
            await self._client._wait_on_metadata(tp.topic)
            leader = self._client.cluster.leader_for_partition(tp)
            if leader is not None and leader != -1:
                return int(leader)
            await self._client.force_metadata_update()
            await asyncio.sleep(BACKOFF_S_MAX)

    async def _coordinate(self, request: Any, codes: Callable[[Any], list[int]]) -> Any:
        return await self._ask(request, (CoordinationType.TRANSACTION, self.id), codes)

    async def _ask(self, request: Any, coordinator: tuple[int, str], codes: Callable[[Any], list[int]]) -> Any:
        """Ask a coordinator until it answers without an error that may pass."""
        backoff_s = BACKOFF_S
        while True:
            try:
                if coordinator not in self._nodes:
                    self._nodes[coordinator] = await self._client.coordinator_lookup(*coordinator)
                group = ConnectionGroup.COORDINATION
                answer = await self._client.send(self._nodes[coordinator], request, group=group)
                errors = [error for error in map(_error, codes(answer)) if error is not None]
                if not errors:
                    return answer
                raise next((error for error in errors if not _may_pass(error)), errors[0])
            except KafkaError as error:
                if not _may_pass(error):
                    raise
                if not isinstance(error, ConcurrentTransactions):
                    self._nodes.pop(coordinator, None)
            await asyncio.sleep(backoff_s)
            backoff_s = min(backoff_s * 2, BACKOFF_S_MAX)


def _may_pass(error: KafkaError) -> bool:
    return bool(error.retriable) or isinstance(error, ConcurrentTransactions)


def _error(code: int) -> KafkaError | None:
    if code == _FENCED:
        return ProducerFenced()
    kind = for_code(code)
    return None if kind is NoError else kind()
