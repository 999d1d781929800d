"""What a replay reads of a deployment: committed records, partition by partition, and what they say of people."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final, Protocol

from aiokafka import ConsumerRecord, TopicPartition

from agents.codecs.rows import decode_personal_key, decode_shard
from agents.committed import scan_committed, wait_partitions
from agents.policy_topic import Bundle, read_bundles
from agents.transport.clients import reader
from streams.topology import TABLES, topic_name

Progress = Callable[[str, int, float], None]  # noun, partition, how much of it is read, 0 to 1
Chunks = AsyncGenerator[list[ConsumerRecord[bytes, bytes]], None]

CODES: Final = {table.name: table.code for table in TABLES}
KEY_WITHIN: Final = 128  # bytes of a row in which its key stands, but for the longest names of zones and events


class Source(Protocol):
    """The committed topics of a deployment."""

    async def partitions(self) -> int:
        """Return how many there are."""

    async def bundles(self) -> tuple[dict[str, Bundle], str]:
        """Return the policies by hash, and the hash of the current one."""

    async def begins(self, noun: str, partition: int) -> int:
        """Return the first offset that the topic still has."""

    def scan(self, noun: str, partition: int) -> Chunks:
        """Yield all records of a partition in chunks, in order."""


class Topics:
    """The topics on a broker."""

    def __init__(self, servers: str, namespace: str, progress: Progress) -> None:
        """Read from these brokers; `progress` is told as reading goes on."""
        self._servers: Final = servers
        self._namespace: Final = namespace
        self._progress: Final = progress

    async def partitions(self) -> int:
        """Return how many the deployment has; raises UserError where there is no such deployment."""
        return len(await wait_partitions(self._servers, topic_name(self._namespace, "decisions"), 0))

    async def bundles(self) -> tuple[dict[str, Bundle], str]:
        """Return the policies by hash, and the hash of the current one."""
        return await read_bundles(self._servers, self._namespace)

    async def begins(self, noun: str, partition: int) -> int:
        """Return the first offset that the topic still has."""
        place = TopicPartition(topic_name(self._namespace, noun), partition)
        async with reader(self._servers, committed=True) as consumer:
            offsets: dict[TopicPartition, int] = await consumer.beginning_offsets([place])
            return offsets[place]

    def scan(self, noun: str, partition: int) -> Chunks:
        """Yield all records of a partition in chunks, in order."""
        place = TopicPartition(topic_name(self._namespace, noun), partition)
        return scan_committed(self._servers, [place], lambda share: self._progress(noun, partition, share))


@dataclass
class Known:
    """What one partition's changelog says now."""

    keys: dict[str, bytes] = field(default_factory=dict)  # of its people
    last_hash: bytes | None = None  # of its last decision; None = the shard has no row

    def take(self, profile_id: str, row: bytes | None) -> None:
        """Take a profile's next row; None = it is deleted, and the key with it."""
        if row is None:
            self.keys.pop(profile_id, None)
            return
        key = self.keys.get(profile_id)
        if not key or key not in row[:KEY_WITHIN]:  # it changes next to never: decoding every row costs the most
            self.keys[profile_id] = decode_personal_key(row)


async def read_known(source: Source, partition: int) -> Known:
    """Return the keys of a partition's people, and the hash that its shard's row names last."""
    known = Known()
    people, shard = CODES["profiles"], CODES["shard"]
    row: bytes | None = None
    async with aclosing(source.scan("changelog", partition)) as chunks:
        async for chunk in chunks:
            for record in chunk:
                key, value = record.key, record.value
                if key == shard:
                    row = value
                elif key[:1] == people:
                    known.take(key[1:].decode(), value)
    known.last_hash = decode_shard(row).chain if row is not None else None
    return known
