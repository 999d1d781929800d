"""A whole deployment in memory, for tests: the worker's own parts on a log that is a list."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from aiokafka.structs import ConsumerRecord

from agents.app import Parts
from agents.codecs.avro import DECODERS, ENCODERS
from agents.counts import Counts
from agents.memory import MemoryStream
from agents.policy_topic import BUNDLE, CURRENT, canonical
from agents.settings import Settings
from agents.telemetry import Telemetry
from agents.transport.applier import Output
from agents.workers.answering import answer
from agents.workers.shelf import Shelf
from streams.partition import partition_of
from streams.policy import bundle_hash
from streams.records import ModelVersion, ProposalBatch, RawEvent, Tick
from streams.topology import BY_NOUN

DAY_MS: Final = 86_400_000


class Deployment:
    """A stream in memory with its policy published."""

    def __init__(self, bundle: dict[str, Any], partitions: int = 2, **settings: Any) -> None:
        self.settings: Final = Settings(partitions=partitions, **{"mode": "history", **settings})
        self.parts: Final = Parts(self.settings, Counts(Telemetry()))
        self.rows: Final[list[dict[bytes, bytes]]] = [{} for _ in range(partitions)]
        self.appliers: Final = [self.parts.applier(i, rows, 0) for i, rows in enumerate(self.rows)]
        self.log: Final = MemoryStream(self.settings.namespace, self.appliers)
        self.log.wall = 1_700_000_000_000
        self.publish(bundle)

    def publish(self, bundle: dict[str, Any]) -> str:
        """Make this bundle the current policy."""
        name = bundle_hash(bundle)
        self.log.send("policies", BUNDLE + name.encode(), canonical(bundle))
        self.log.send("policies", CURRENT, name.encode())
        return name

    def restart(self, partition: int) -> None:
        """Go on with this shard from its rows alone."""
        step = self.appliers[partition].step
        self.appliers[partition] = self.parts.applier(partition, self.rows[partition], step)

    def learn(self, version: ModelVersion) -> None:
        """Publish a version of a model, or a heartbeat."""
        self.log.send("models", f"{version.model}/{version.version}".encode(), ENCODERS["model_version"](version))

    def serve(self, model: str, shelf: Shelf) -> None:
        """Attach a model worker that answers every request batch at once."""

        def read(record: ConsumerRecord[bytes, bytes]) -> list[Output]:
            batch = DECODERS["request_batch"](record.value)
            proposals = answer(batch.items, shelf.get, lambda: self.log.wall)
            value = ENCODERS["proposal_batch"](ProposalBatch(model, proposals))
            return [(f"{self.settings.namespace}.proposals.v1", batch.reply_partition, None, value, [])]

        self.log.attach("requests", model, read)

    def tell(self, events: Iterable[RawEvent], partition: int | None = None) -> None:
        """Produce raw events, each to its owner's partition or all to one, and let the stream run."""
        for event in events:
            place = partition_of(event.profile_id, self.settings.partitions) if partition is None else partition
            self.log.send("raw-events", event.profile_id.encode(), ENCODERS["raw_event"](event), place)
        self.log.run()

    def tick(self, at: int) -> None:
        """Move every partition's clock to `at`."""
        for partition in range(self.settings.partitions):
            self.log.send("ticks", None, ENCODERS["tick"](Tick(at)), partition)
        self.log.run()

    def said(self, noun: str, model: str = "") -> list[Any]:
        """Return the decoded records of a topic, partition by partition."""
        decode = DECODERS[BY_NOUN[noun].schema]
        return [decode(record.value) for record in self.log.records(noun, model)]
