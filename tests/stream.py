"""A whole deployment in memory, for tests: the worker's own parts on a log that is a list."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from aiokafka.structs import ConsumerRecord

from agents.app import Parts
from agents.applier import ShardApplier
from agents.codecs.avro import DECODERS, ENCODERS
from agents.counts import Counts
from agents.memory import MemoryStream
from agents.settings import Settings
from agents.telemetry import Telemetry
from agents.transport.applier import Output
from agents.workers.answering import answer
from agents.workers.shelf import Shelf
from streams.records import ProposalBatch, RawEvent
from streams.topology import topic_name
from tests.shard import WALL
from tests.streams.contract import Stream
from tests.witness import Seen


class Deployment(Stream):
    """A stream in memory with its policy published; what is told to it, and a tick, is taken at once."""

    def __init__(self, bundle: dict[str, Any], partitions: int = 2, **settings: Any) -> None:
        self.settings = Settings(partitions=partitions, **{"mode": "history", **settings})
        self.parts = Parts(self.settings, Counts(Telemetry()))
        self.rows: Final[list[dict[bytes, bytes]]] = [{} for _ in range(partitions)]
        self.appliers: Final[list[ShardApplier]] = []
        self.log: Final = MemoryStream(self.settings, self._applier)
        self.log.wall = WALL
        self.publish(bundle)

    def now(self) -> int:
        return self.log.wall

    def send(
        self,
        noun: str,
        key: bytes | None,
        value: bytes | None,
        partition: int = 0,
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> None:
        self.log.send(noun, key, value, partition, headers)

    def tell(self, events: Iterable[RawEvent], partition: int | None = None) -> None:
        super().tell(events, partition)
        self.log.run()

    def tick(self, at: int) -> None:
        super().tick(at)
        self.log.run()

    def serve(self, model: str, shelf: Shelf) -> None:
        def read(record: ConsumerRecord[bytes, bytes]) -> list[Output]:
            batch = DECODERS["request_batch"](record.value)
            proposals = answer(batch.items, shelf.get, lambda: self.log.wall)
            value = ENCODERS["proposal_batch"](ProposalBatch(model, proposals))
            return [(f"{self.settings.namespace}.proposals.v1", batch.reply_partition, None, value, [])]

        self.log.attach("requests", model, read)

    def settle(self, rounds: int = 0) -> None:
        self.log.run()
        while self.release_barriers():
            self.log.run()
        while self.rounds_open() > rounds:
            due = self.log.wake_at()
            assert due is not None, f"{self.rounds_open()} rounds wait, and no timer will close any"
            self.log.pass_time(due - self.log.wall)
        assert self.rounds_open() == rounds
        assert self.unread() == []

    def restart(self) -> None:
        self.parts = Parts(self.settings, Counts(Telemetry()))
        for noun in ("policies", "models"):
            self.parts.listen(topic_name(self.settings.namespace, noun), self.log.records(noun))
        for partition in range(self.settings.partitions):
            self.log.restart(partition)

    def renew(self, partition: int) -> None:
        """Let an applier that a test drives by itself be followed by one that has nothing but its rows."""
        self._applier(partition, self.rows[partition], self.appliers[partition].step)

    def close(self) -> None:
        """Do nothing: there is no process."""

    def records(self, noun: str, model: str = "") -> list[Seen]:
        return [
            Seen(one.partition, one.offset, one.key, one.value, list(one.headers))
            for one in self.log.records(noun, model)
        ]

    def _applier(self, partition: int, rows: dict[bytes, bytes], step: int) -> ShardApplier:
        applier = self.parts.applier(partition, rows, step)
        self.appliers[partition : partition + 1] = [applier]
        self.rows[partition] = rows
        return applier
