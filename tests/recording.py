"""What a deployment in memory has committed, as a replay and a judge read it; made to be tampered with."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncGenerator, Callable
from typing import Any, Final, TypeAlias

from aiokafka.structs import ConsumerRecord

from agents.codecs.avro import decode_decision, encode_decision
from agents.policy_topic import Bundle, bundles_of
from streams.records import Decision
from tests.stream import Deployment

CHUNK: Final = 7  # records a chunk: so few that decisions and events are read in turns

Record: TypeAlias = ConsumerRecord[Any, Any]
Edit = Callable[[Decision], Decision]


class Recording:
    """The topics of a deployment, by noun and partition."""

    def __init__(self, deployment: Deployment) -> None:
        """Take what there is now."""
        self.records: Final[dict[tuple[str, int], list[Record]]] = defaultdict(list)
        self.reads: Final[list[tuple[str, int]]] = []  # of topics and partitions, in their order
        self._partitions: Final = deployment.settings.partitions
        for (topic, partition), records in deployment.log.log.items():
            noun = topic.removeprefix(f"{deployment.settings.namespace}.").removesuffix(".v1")
            self.records[noun, partition] = list(records)
        for partition, rows in enumerate(deployment.rows):
            self.records["changelog", partition] = [
                ConsumerRecord("changelog", partition, n, 0, 0, key, value, None, 0, 0, ())
                for n, (key, value) in enumerate(rows.items())
            ]

    async def partitions(self) -> int:
        return self._partitions

    async def bundles(self) -> tuple[dict[str, Bundle], str]:
        return bundles_of(self.records["policies", 0])

    async def begins(self, noun: str, partition: int) -> int:
        records = self.records[noun, partition]
        return records[0].offset if records else 0

    async def scan(self, noun: str, partition: int) -> AsyncGenerator[list[Record], None]:
        self.reads.append((noun, partition))
        records = list(self.records[noun, partition])
        for at in range(0, len(records), CHUNK):
            yield records[at : at + CHUNK]

    def decisions(self, partition: int = 0) -> list[Decision]:
        """Return what is decided in a partition."""
        return [decode_decision(record.value) for record in self.records["decisions", partition]]

    def put(self, noun: str, place: int, partition: int = 0, **fields: Any) -> None:
        """Have a record say something else: value, key, headers …"""
        records = self.records[noun, partition]
        names = ("topic", "partition", "offset", "timestamp", "timestamp_type", "key", "value", "checksum",
                 "serialized_key_size", "serialized_value_size", "headers")  # fmt: skip
        old = {name: getattr(records[place], name) for name in names}
        records[place] = ConsumerRecord(**old | fields)

    def change(self, place: int, edit: Edit, partition: int = 0) -> None:
        """Have a decision say something else."""
        decision = decode_decision(self.records["decisions", partition][place].value)
        self.put("decisions", place, partition, value=encode_decision(edit(decision)))
