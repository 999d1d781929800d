"""A deployment under everything that may happen to it, all from one seed: the worker's own shards on a log in memory.

A shard's turns become visible when they are committed, and are gone when it is killed before: then it starts again from
the rows and positions of its last commit, which are kept from its changelog alone.
"""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Callable
from typing import Any, Final

from aiokafka.structs import ConsumerRecord

from agents.app import Parts
from agents.codecs.avro import DECODERS, ENCODERS
from agents.counts import Counts
from agents.policy_topic import BUNDLE, CURRENT, canonical
from agents.settings import Settings
from agents.telemetry import Telemetry
from agents.transport.applier import Output, Turn
from agents.workers.answering import answer
from agents.workers.shelf import Shelf
from streams.ids import derive
from streams.partition import partition_of
from streams.policy import bundle_hash
from streams.records import Activation, ModelVersion, Proposal, ProposalBatch, RawEvent, Request, Tick
from streams.topology import BY_NOUN, topic_name
from tests.builders import HOUR_MS
from tests.shard import WALL

PARTITIONS: Final = 3
CONTROL: Final = ("policies", "models")
SOURCES: Final = ("proposals", "ticks", "routed-events", "raw-events")
BEAT_MS: Final = 3_000
DELAYS_MS: Final = {"app": 60_000, "email": HOUR_MS}


class SimulatedShard:
    """One shard with what it has committed, and what it has not."""

    def __init__(self, world: World, number: int) -> None:
        self.world: Final = world
        self.number: Final = number
        self.rows: dict[bytes, bytes] = {}  # of the changelog, up to the last commit
        self.positions: dict[str, int] = {}
        self.step = 0
        self.start()

    def start(self) -> None:
        """Go on from the last commit; what came after it never happened."""
        self.applier = self.world.parts.applier(self.number, dict(self.rows), self.step)
        self.next = defaultdict(int, self.positions)
        self.pending: list[Turn] = []

    def take(self, noun: str, size: int) -> bool:
        """Apply a run of records of one source; tell whether there were any."""
        place = (noun, 0 if BY_NOUN[noun].control else self.number)
        records = self.world.log[place][self.next[noun] : self.next[noun] + size]
        if not records:
            return False
        turn = self.applier.take(records[0].topic, records, self.world.wall)
        self.next[noun] += turn.consumed
        self.pending.append(turn)
        return turn.consumed > 0

    def fire(self) -> bool:
        """Fire what is due on the wall clock; tell whether anything was."""
        due = self.applier.wake_at()
        if due is None or due > self.world.wall:
            return False
        self.pending.append(self.applier.fire(self.world.wall))
        return True

    def commit(self) -> None:
        """Make all turns so far visible and durable."""
        for turn in self.pending:
            for output in turn.outputs:
                self.world.write(output, self.number)
            for key, row in turn.changes.items():
                if row is None:
                    self.rows.pop(key, None)
                else:
                    self.rows[key] = row
        self.positions, self.step, self.pending = dict(self.next), self.applier.step, []


class World:
    """Shards, producers, a model's process and a delivery channel, and the chance that moves them."""

    def __init__(self, seed: int, bundle: dict[str, Any]) -> None:
        self.chance: Final = random.Random(seed)
        self.counted: Final[dict[str, int]] = defaultdict(int)
        self.wall = WALL
        self.log: Final[dict[tuple[str, int], list[ConsumerRecord[Any, Any]]]] = defaultdict(list)
        self.shelf: Final = Shelf()
        self.parts: Final = Parts(Settings(partitions=PARTITIONS, mode="history"), Counts(Telemetry()))
        self.shards: Final = [SimulatedShard(self, number) for number in range(PARTITIONS)]
        self.faults = True
        self._alive_from = 0  # the model's process answers from this instant on
        self._beaten_at = 0
        self._asked: list[tuple[int, Request]] = []
        self._read: dict[tuple[str, int], int] = defaultdict(int)
        self._reports: list[tuple[int, RawEvent]] = []
        self.publish(bundle)

    # the log

    def write(self, output: Output, partition: int = 0) -> None:
        """Append a record."""
        topic, explicit, key, value, headers = output
        noun = topic.removeprefix("continuo.").removesuffix(".v1")
        where = (noun, partition if explicit is None else explicit)
        offset = len(self.log[where])
        record = ConsumerRecord(topic, where[1], offset, self.wall, 0, key, value, None, 0, 0, tuple(headers))
        self.log[where].append(record)

    def send(self, noun: str, key: bytes | None, value: bytes | None, partition: int = 0) -> None:
        """Produce a record."""
        self.write((topic_name("continuo", noun), partition, key, value, []))  # type: ignore[arg-type]  # a tombstone

    def publish(self, bundle: dict[str, Any]) -> None:
        """Make a bundle current."""
        name = bundle_hash(bundle)
        self.send("policies", BUNDLE + name.encode(), canonical(bundle))
        self.send("policies", CURRENT, name.encode())

    def learn(self, version: ModelVersion) -> None:
        """Publish a version of a model."""
        self.send("models", version.model.encode(), ENCODERS["model_version"](version))
        if version.model == "next_purchase":
            self.shelf.put(version)

    def tell(self, event: RawEvent, partition: int | None = None) -> None:
        """Produce an event, to its owner's partition if none is given."""
        place = partition_of(event.profile_id, PARTITIONS) if partition is None else partition
        self.send("raw-events", event.profile_id.encode(), ENCODERS["raw_event"](event), place)

    def tick(self, at: int) -> None:
        """Move the clocks."""
        for partition in range(PARTITIONS):
            self.send("ticks", None, ENCODERS["tick"](Tick(at)), partition)

    def said(self, noun: str) -> list[tuple[ConsumerRecord[Any, Any], Any]]:
        """Return what is committed on a topic, decoded, partition by partition."""
        decode = DECODERS[BY_NOUN[noun.partition(".")[0]].schema]
        return [(one, decode(one.value)) for place in sorted(self.log) if place[0] == noun for one in self.log[place]]

    # what happens

    def backlog(self) -> int:
        """Return how many raw and routed records the shards have not taken."""
        sources = ((noun, shard) for noun in SOURCES[2:] for shard in self.shards)
        return sum(len(self.log[noun, shard.number]) - shard.next[noun] for noun, shard in sources)

    def happen(self) -> None:
        """Let one thing happen."""
        actions: dict[Callable[[], object], int] = {
            self._turn: 60, self._commit: 20, self._serve: 12, self._deliver: 8, self._pass_time: 8,
        }  # fmt: skip
        if self.faults:
            actions |= {self._kill: 3, self._stall: 1}
        self.chance.choices(list(actions), list(actions.values()))[0]()

    def rest(self) -> None:
        """Go on without faults until nothing is left to do."""
        faults, self.faults, self._alive_from = self.faults, False, 0
        moved = True
        while moved:
            self._pass_time()
            moved = self._serve() | self._deliver()
            for shard in self.shards:
                for noun in CONTROL + SOURCES:
                    moved |= shard.take(noun, 50)
                moved |= shard.fire()
                shard.commit()
        self.faults = faults

    def _turn(self) -> None:
        shard = self.chance.choice(self.shards)
        for noun in CONTROL:
            shard.take(noun, 100)
        shard.fire()
        noun = self.chance.choice(SOURCES)
        shard.take(noun, self.chance.randint(1, 12))
        if shard.pending and self.chance.random() < 0.5:
            self._listen(shard.pending[-1].outputs)

    def _commit(self) -> None:
        self.chance.choice(self.shards).commit()

    def _kill(self) -> None:
        shard = self.chance.choice(self.shards)
        self.counted["turns lost"] += len(shard.pending)
        shard.start()

    def _stall(self) -> None:
        """Let the model's process be dead for a while; when it is back it reads again what it had not answered."""
        self._alive_from = self.wall + self.chance.choice((15_000, 60_000))

    def _pass_time(self) -> None:
        self.wall += self.chance.randint(0, 4_000)
        if self.wall >= self._alive_from and self.wall - self._beaten_at >= BEAT_MS:
            self._beaten_at = self.wall
            beat = ModelVersion("next_purchase", "", "heartbeat", 0, self.wall, b"", None, [], {})
            self.send("models", b"heartbeat", ENCODERS["model_version"](beat))

    def _listen(self, outputs: list[Output]) -> None:
        """Let the model's process read requests, committed or not."""
        for output in outputs:
            if ".requests." in output[0]:
                batch = DECODERS["request_batch"](output[3])
                self._asked += [(batch.reply_partition, item) for item in batch.items]

    def _serve(self) -> bool:
        """Answer some of what was asked: once or twice, in any order, and not always with sense."""
        for partition in range(PARTITIONS):
            place = ("requests.next_purchase", partition)
            for record in self.log[place][self._read[place] :]:
                self._listen([(record.topic, None, None, record.value, [])])
            self._read[place] = len(self.log[place])
        if self.wall < self._alive_from or not self._asked:
            return False
        self.chance.shuffle(self._asked)
        count = self.chance.randint(1, len(self._asked)) if self.faults else len(self._asked)
        taken, self._asked = self._asked[:count], self._asked[count:]
        for partition, request in taken:
            proposals = answer([request], self.shelf.get, lambda: 0)
            if self.faults:
                proposals = [self._spoilt(proposals[0])] * self.chance.choice((1, 1, 1, 2))
                if proposals[0].call_id != request.call_id:
                    self._asked.append((partition, request))  # nobody was answered yet
            batch = ProposalBatch("next_purchase", proposals)
            self.send("proposals", None, ENCODERS["proposal_batch"](batch), partition)
        return True

    def _spoilt(self, proposal: Proposal) -> Proposal:
        if self.chance.random() < 0.85:
            return proposal
        outputs: list[list[float]] = [[], [math.nan, 0.5], [0.5], [7.0, 0.5]]
        spoilt: dict[str, Any] = {"outputs": self.chance.choice(outputs)}
        if self.chance.random() < 0.3:
            spoilt = self.chance.choice([{"version": "v9"}, {"status": "what?"}, {"call_id": "nobody asked"}])
        return Proposal(**{name: getattr(proposal, name) for name in Proposal.__slots__} | spoilt)

    def _deliver(self) -> bool:
        """Deliver what is committed; report it at once or later, sometimes twice, sometimes to the wrong partition."""
        for partition in range(PARTITIONS):
            place = ("activations", partition)
            for record in self.log[place][self._read[place] :]:
                self._reports.append((partition, self._report(DECODERS["activation"](record.value))))
            self._read[place] = len(self.log[place])
        if not self._reports:
            return False
        partition, report = self._reports.pop(self.chance.randrange(len(self._reports)) if self.faults else 0)
        copies = 2 if self.faults and self.chance.random() < 0.1 else 1
        self.counted["repeats"] += copies - 1
        for _ in range(copies):
            misplaced = self.faults and self.chance.random() < 0.2
            self.tell(report, self.chance.randrange(PARTITIONS) if misplaced else partition)
        return True

    def _report(self, activation: Activation) -> RawEvent:
        kind = "rejected" if int(activation.activation_id[:2], 16) < 25 else "delivered"
        names = ("activation_id", "decision_id", "delivery_channel")
        return RawEvent(
            derive("event", activation.activation_id, kind), activation.profile_id, f"activation_{kind}",
            activation.release_at + DELAYS_MS[activation.delivery_channel], "channel",
            {name: getattr(activation, name) for name in names},
        )  # fmt: skip
