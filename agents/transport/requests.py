"""Requests that aiokafka does not have: offsets under a generation, a list of transactions, and a lean produce.

Field by field as Kafka's protocol guide has them: TxnOffsetCommit v3 (KIP-447), ListTransactions v0 (KIP-664), and
Produce v7, whose batches are joined once instead of being encoded field by field.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final, TypeAlias

from aiokafka import TopicPartition
from aiokafka.protocol.api import Request, RequestHeader_v1, RequestStruct, Response, ResponseHeader_v0
from aiokafka.protocol.produce import ProduceResponse_v7
from aiokafka.protocol.types import CompactArray, CompactString, Int16, Int32, Int64, Schema, TaggedFields

ACK_MS: Final = 15_000  # how long a leader may wait for its replicas

_STRING: Final = CompactString("utf-8")
_TAGS: Final = ("tags", TaggedFields)


class TxnOffsetCommitResponse(Response):
    """Which partitions' offsets are pending now, and which were refused."""

    API_KEY = 28
    API_VERSION = 3
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("topics", CompactArray(
            ("name", _STRING),
            ("partitions", CompactArray(("partition", Int32), ("error_code", Int16), _TAGS)),
            _TAGS,
        )),
        _TAGS,
    )  # fmt: skip


class TxnOffsetCommitStruct(RequestStruct):
    """The request as it is sent."""

    API_KEY = 28
    API_VERSION = 3
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = TxnOffsetCommitResponse
    SCHEMA = Schema(
        ("transactional_id", _STRING),
        ("group", _STRING),
        ("producer_id", Int64),
        ("producer_epoch", Int16),
        ("generation", Int32),
        ("member_id", _STRING),
        ("group_instance_id", _STRING),
        ("topics", CompactArray(
            ("name", _STRING),
            ("partitions", CompactArray(
                ("partition", Int32), ("offset", Int64), ("leader_epoch", Int32), ("metadata", _STRING), _TAGS
            )),
            _TAGS,
        )),
        _TAGS,
    )  # fmt: skip


class TxnOffsetCommit(Request[TxnOffsetCommitStruct]):
    """Commit a group's offsets within a transaction; refused unless the member is of the group's present generation."""

    API_KEY = 28

    def __init__(self, *fields: Any) -> None:
        """Take the first six fields, and offsets by topic and partition."""
        *self._fields, self._offsets = fields

    def build(self, request_struct_class: type[TxnOffsetCommitStruct]) -> TxnOffsetCommitStruct:
        """Return the request as it is sent."""
        topics: dict[str, list[tuple[object, ...]]] = {}
        for (topic, partition), offset in self._offsets.items():
            topics.setdefault(topic, []).append((partition, offset, -1, "", {}))
        told: list[tuple[object, ...]] = [(topic, partitions, {}) for topic, partitions in topics.items()]
        return request_struct_class(*self._fields, None, told, {})


class ListTransactionsResponse(Response):
    """Transactional ids and the states they are in."""

    API_KEY = 66
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        ("unknown_states", CompactArray(_STRING)),
        ("transactions", CompactArray(
            ("transactional_id", _STRING), ("producer_id", Int64), ("state", _STRING), _TAGS
        )),
        _TAGS,
    )  # fmt: skip


class ListTransactionsStruct(RequestStruct):
    """The request as it is sent."""

    API_KEY = 66
    API_VERSION = 0
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = ListTransactionsResponse
    SCHEMA = Schema(("states", CompactArray(_STRING)), ("producer_ids", CompactArray(Int64)), _TAGS)


class ListTransactions(Request[ListTransactionsStruct]):
    """Ask one broker which transactional ids it coordinates are in one of these states."""

    API_KEY = 66

    def __init__(self, states: Sequence[str]) -> None:
        """Ask for these states."""
        self._states = states

    def build(self, request_struct_class: type[ListTransactionsStruct]) -> ListTransactionsStruct:
        """Return the request as it is sent."""
        return request_struct_class(list(self._states), [], {})


Built: TypeAlias = "bytes | bytearray"


class Produce:
    """Append one batch to each of some partitions, all copies in sync; aiokafka's connection takes it for its own."""

    API_KEY: ClassVar = 0
    API_VERSION: ClassVar = 7
    RESPONSE_TYPE: ClassVar = ProduceResponse_v7

    def __init__(self, transactional_id: str, batches: Mapping[TopicPartition, Built]) -> None:
        """Take at most one batch for each partition: a broker refuses more."""
        self._id = transactional_id.encode()
        self._batches = batches

    def prepare(self, versions: object) -> Produce:
        """Return itself: every broker since 2.1 knows this version."""
        del versions
        return self

    def build_request_header(self, correlation_id: int, client_id: str) -> RequestHeader_v1:
        """Return what stands before the request."""
        return RequestHeader_v1(self, correlation_id, client_id)

    def parse_response_header(self, buffer: Any) -> ResponseHeader_v0:
        """Return what stands before the response."""
        return ResponseHeader_v0.decode(buffer)

    def encode(self) -> bytes:
        """Return the request as it is sent."""
        topics: dict[str, list[tuple[int, Built]]] = {}
        for (topic, partition), batch in self._batches.items():
            topics.setdefault(topic, []).append((partition, batch))
        pieces: list[Built] = [struct.pack(">h", len(self._id)), self._id, struct.pack(">hii", -1, ACK_MS, len(topics))]
        for topic, batches in topics.items():
            name = topic.encode()
            pieces += (struct.pack(">h", len(name)), name, struct.pack(">i", len(batches)))
            for partition, batch in batches:
                pieces += (struct.pack(">ii", partition, len(batch)), batch)
        return b"".join(pieces)
