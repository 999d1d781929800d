"""What the suite may ask of a deployment, on whichever log it is."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple, Protocol

from agents.codecs.avro import DECODERS, ENCODERS
from agents.codecs.rows import decode_round
from agents.policy_topic import BUNDLE, CURRENT, canonical
from agents.settings import Settings
from agents.transport.positions import POSITION_KEY, Position, decode_position
from agents.turn import STEP
from agents.workers.kinds import HEARTBEAT, RELEASE, SIGNALS, heard
from agents.workers.shelf import Shelf
from streams.partition import partition_of
from streams.policy import bundle_hash
from streams.records import ModelVersion, Proposal, ProposalBatch, RawEvent, Request, Tick
from streams.topology import BY_NOUN, TOPICS, topic_name
from tests.builders import DAY_MS
from tests.shard import SMALL
from tests.witness import Seen

ROUNDS: Final = b"R"  # code of the table
TRAINED: Final = [model.name for model in SMALL.models.values() if model.has_trainer]  # of every policy here


class Question(NamedTuple):
    """A request, and the partition that waits for its answer."""

    partition: int
    request: Request


class Stream(Protocol):
    """A deployment with its policy published."""

    settings: Settings

    @abstractmethod
    def now(self) -> int:
        """Return the wall clock's time, ms."""

    @abstractmethod
    def send(
        self,
        noun: str,
        key: bytes | None,
        value: bytes | None,
        partition: int = 0,
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> None:
        """Produce one record as somebody outside would."""

    @abstractmethod
    def serve(self, model: str, shelf: Shelf) -> None:
        """Answer whatever this model is asked from now on, as its process would."""

    @abstractmethod
    def settle(self, rounds: int = 0) -> None:
        """Return when all that was fed is applied and committed, and so many rounds are open; time passes for it."""

    @abstractmethod
    def restart(self) -> None:
        """Kill the worker, and let another one go on from what is committed."""

    @abstractmethod
    def close(self) -> None:
        """End its processes, if it has any."""

    @abstractmethod
    def records(self, noun: str, model: str = "") -> list[Seen]:
        """Return what a topic held when the stream had last settled, in order of partition and offset."""

    def publish(self, bundle: dict[str, Any]) -> str:
        """Make this bundle the current policy, and return its hash."""
        name = bundle_hash(bundle)
        self.send("policies", BUNDLE + name.encode(), canonical(bundle))
        self.send("policies", CURRENT, name.encode())
        return name

    def learn(self, version: ModelVersion) -> None:
        """Publish a version of a model, or what its process or its trainer signals."""
        key = f"{version.kind}/{version.model}" if version.kind in SIGNALS else f"{version.model}/{version.version}"
        self.send("models", key.encode(), ENCODERS["model_version"](version))

    def beat(self, model: str) -> None:
        """Vouch for a model's process for a day."""
        self.learn(ModelVersion(model, "", HEARTBEAT, 0, self.now() + DAY_MS, b"", None, [], {}))

    def release_barriers(self) -> bool:
        """Release what shards in lockstep stand at, as trainers with nothing to say; tell if there was anything."""
        reached = max((tick.ticked_at for tick in self.said("barriers")), default=0)
        signals = (heard(seen.value) for seen in self.records("models"))
        released = max((one.trained_until for one in signals if one is not None and one.kind == RELEASE), default=0)
        for model in TRAINED if reached > released else ():
            self.learn(ModelVersion(model, "", RELEASE, reached, 0, b"", None, [], {}))
        return reached > released

    def tell(self, events: Iterable[RawEvent], partition: int | None = None) -> None:
        """Produce raw events, each to its owner's partition or all to one."""
        for event in events:
            place = partition_of(event.profile_id, self.settings.partitions) if partition is None else partition
            self.send("raw-events", event.profile_id.encode(), ENCODERS["raw_event"](event), place)

    def tick(self, at: int) -> None:
        """Move every partition's clock to `at`."""
        for partition in range(self.settings.partitions):
            self.send("ticks", None, ENCODERS["tick"](Tick(at)), partition)

    def answer(self, model: str, partition: int, *proposals: Proposal) -> None:
        """Say these answers of a model to a partition."""
        self.send("proposals", None, ENCODERS["proposal_batch"](ProposalBatch(model, list(proposals))), partition)

    def said(self, noun: str, model: str = "") -> list[Any]:
        """Return the decoded records of a topic, in order of partition and offset."""
        decode = DECODERS[BY_NOUN[noun].schema]
        return [decode(seen.value) for seen in self.records(noun, model)]

    def asked(self, model: str) -> list[Question]:
        """Return what the model was asked so far, in order of partition and offset."""
        batches = self.said("requests", model)
        return [Question(batch.reply_partition, request) for batch in batches for request in batch.items]

    def durable_rows(self) -> dict[tuple[int, bytes], bytes]:
        """Return the durable rows by partition and key, as the changelog has them."""
        rows: dict[tuple[int, bytes], bytes] = {}
        for seen in self.records("changelog"):
            place = seen.partition, seen.key or b""
            if seen.value is None:
                rows.pop(place, None)
            elif seen.key != POSITION_KEY:
                rows[place] = seen.value
        return rows

    def positions(self) -> list[Position]:
        """Return the last committed position of each partition."""
        last = {seen.partition: seen.value or b"" for seen in self.records("changelog") if seen.key == POSITION_KEY}
        return [decode_position(last[n]) if n in last else Position() for n in range(self.settings.partitions)]

    def rounds_open(self) -> int:
        """Return how many rounds wait for an answer."""
        rounds = [decode_round(row) for (_, key), row in self.durable_rows().items() if key.startswith(ROUNDS)]
        return sum(not one.closed_at for one in rounds)

    def unread(self) -> list[str]:
        """Return the sources of which something is not applied, as the committed positions say."""
        positions, found = self.positions(), []
        for source in (topic for topic in TOPICS if topic.source):
            topic = topic_name(self.settings.namespace, source.noun)
            last = {seen.partition: seen.offset for seen in self.records(source.noun)}
            for number, position in enumerate(positions):
                end = last.get(0 if source.control else number, -1) + 1
                at = position.places[topic].next_offset if topic in position.places else 0
                if at < end:
                    found.append(f"{source.noun} by shard {number} from {at} to {end}")
        return found


Deploy = Callable[..., Stream]
"""(bundle, then settings by name) -> a deployment on one of the two logs."""


def step_of(seen: Seen) -> tuple[int, int]:
    """Return partition and number of the step that an output carries."""
    ((name, value),) = seen.headers
    assert name == "step"
    partition, number = STEP.unpack(value)
    return partition, number
