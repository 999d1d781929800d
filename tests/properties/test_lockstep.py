"""Lockstep: shards, trainers and a model's process go on in any order, or begin again, and say the same."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import Any, Final

from aiokafka.structs import ConsumerRecord
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.codecs.avro import DECODERS, ENCODERS
from agents.trainers.course import Course, Pace
from agents.trainers.lockstep import Lineup
from agents.trainers.syllabus import Syllabus
from agents.workers.answering import answer
from agents.workers.kinds import SIGNALS
from agents.workers.shelf import Shelf
from streams.records import ModelVersion, ProposalBatch, RawEvent, Tick
from streams.topology import topic_name
from tests.builders import DAY_MS, HOUR_MS, NOW, small_policy
from tests.models import weighted
from tests.shard import compiled, home, raw, release
from tests.stream import Deployment

PARTITIONS: Final = 3
PACE: Final = Pace(first=2, every=1_000, days=1)
WINDOW: Final = {"window": "20h", "lateness": "1h"}
BUNDLE: Final = small_policy(
    outcomes={name: outcome | WINDOW for name, outcome in small_policy()["outcomes"].items()}, conflicts={}
)
POLICY: Final = compiled(BUNDLE)
UNTAUGHT: Final = (
    weighted("next_purchase", ["bought_28d.bread", "bought_28d.soup", "baskets_28d"], ["bread", "soup"]),
    weighted("lapse", ["recency_d", "baskets_28d"]),
)
SAID: Final = ("events", "barriers", "decisions", "activations", "outcomes", "rewards")
GAPS_MS: Final = (0, HOUR_MS, 7 * HOUR_MS, DAY_MS, 3 * DAY_MS)

Fact = tuple[int, str, int]  # partition, kind, gap
Move = Callable[[], None]
Place = tuple[str, int]
facts = st.lists(
    st.tuples(st.integers(0, PARTITIONS - 1), st.sampled_from(["basket_completed", "product_purchased"]),
              st.sampled_from(GAPS_MS)),
    min_size=10, max_size=40,
)  # fmt: skip


def told(of: list[Fact]) -> list[RawEvent]:
    """Return a history in which every partition comes to the last day."""
    clock, events = NOW, []
    for number, (partition, kind, gap) in enumerate([*of, *((n, "basket_completed", 0) for n in range(PARTITIONS))]):
        clock += gap
        events.append(raw(kind, clock, event_id=str(number), profile_id=home(partition, PARTITIONS)))
    return events


def at(noun: str, partition: int = 0, model: str = "") -> Place:
    """Return a partition of a topic."""
    return topic_name("continuo", noun, model), partition


class Trainer:
    """One model's trainer, on a log that is a list."""

    def __init__(self, world: World, model: str) -> None:
        self._world, self._model = world, model
        learner, _ = Syllabus("", "", POLICY, POLICY.models[model]).learner()
        self._course = Course(learner, PACE)
        said = world.models(model)
        self._lineup = Lineup(PARTITIONS, max((one.trained_until for one in said if one.kind == "release"), default=0))
        versions = [one for one in said if one.kind not in SIGNALS]
        for one in versions:
            learner.follow(one)
        if "learned" in versions[-1].metrics:
            self._course.restore(versions[-1])
        self._next: Counter[Place] = Counter()
        for place, offset in self._course.next_offsets.items():
            topic, _, partition = place.rpartition("/")
            self._next[topic, int(partition)] = offset

    def moves(self) -> Iterator[Move]:
        """Yield what it could do now: read a record of some partition, or release a barrier."""
        for partition in range(PARTITIONS):
            sources = {at("barriers", partition): self._lineup.hear, self._examples(partition): self._lineup.add}
            for place, read in sources.items():
                if self._next[place] < len(self._world.log[place]):
                    yield lambda place=place, read=read: self._read(place, read)  # type: ignore[misc]
        if (barrier := self._lineup.barrier()) and not self._is_behind():
            yield lambda: self._release(barrier)

    def _is_behind(self) -> bool:
        places = map(self._examples, range(PARTITIONS))
        return any(self._next[place] < len(self._world.log[place]) for place in places)

    def _examples(self, partition: int) -> Place:
        return at("retraining", partition, self._model)

    def _read(self, place: Place, read: Callable[[ConsumerRecord[Any, Any]], None]) -> None:
        read(self._world.log[place][self._next[place]])
        self._next[place] += 1

    def _release(self, barrier: int) -> None:
        for waiting in self._lineup.before(barrier):
            example = DECODERS["training_example"](waiting.record.value)
            self._course.take(f"{waiting.record.topic}/{waiting.partition}", waiting.offset, example)
        version = self._course.next_version()
        if version is not None:
            self._course.learner.follow(version)
            self._world.deployment.learn(version)
        self._world.deployment.learn(release(self._model, barrier))
        self._lineup.released = barrier


class World:
    """A deployment in memory in which whoever can move is drawn."""

    def __init__(self, events: list[RawEvent], chance: random.Random, restarts: float) -> None:
        self.deployment = Deployment(BUNDLE, PARTITIONS, lockstep=True)
        for version in UNTAUGHT:
            self.deployment.learn(version)
        self.deployment.log.run()
        self.log = self.deployment.log.log
        self._chance, self._restarts = chance, restarts
        self._next: dict[tuple[int, Place], int] = defaultdict(int)
        for shard in range(PARTITIONS):
            for noun in ("policies", "models"):
                self._next[shard, at(noun)] = len(self.log[at(noun)])
        for event in events:
            partition = next(n for n in range(PARTITIONS) if event.profile_id == home(n, PARTITIONS))
            self.deployment.log.send("raw-events", b"", ENCODERS["raw_event"](event), partition)
        end = ENCODERS["tick"](Tick(events[-1].occurred_at + 2 * DAY_MS))
        for partition in range(PARTITIONS):
            self.deployment.log.send("ticks", None, end, partition)
        self._trainers = {model: Trainer(self, model) for model in ("next_purchase", "lapse")}

    def models(self, model: str) -> list[ModelVersion]:
        """Return what stands on `models` about a model."""
        said: list[ModelVersion] = self.deployment.said("models")
        return [one for one in said if one.model == model]

    def run(self) -> dict[str, Any]:
        """Go on until nobody can move; return all that was said."""
        while moves := list(self._moves()):
            self._chance.choice(moves)()
            if self._chance.random() < self._restarts:
                self.deployment.renew(self._chance.randrange(PARTITIONS))
            if self._chance.random() < self._restarts:
                model = self._chance.choice(list(self._trainers))
                self._trainers[model] = Trainer(self, model)
        said: dict[str, Any] = {noun: self._records(noun) for noun in SAID}
        for model in self._trainers:
            said[f"examples of {model}"] = self._records("retraining", model)
            said[f"versions of {model}"] = self.models(model)
        said["unread"] = [
            (shard, noun)
            for shard in range(PARTITIONS)
            for noun in ("raw-events", "ticks")
            if self._next[shard, at(noun, shard)] < len(self.log[at(noun, shard)])
        ]
        return said

    def _records(self, noun: str, model: str = "") -> list[tuple[object, ...]]:
        found = self.deployment.log.records(noun, model)
        return [(record.partition, record.offset, record.key, record.value, record.headers) for record in found]

    def _moves(self) -> Iterator[Move]:
        for shard, applier in enumerate(self.deployment.appliers):
            for noun in ("models", "proposals", "raw-events", "ticks"):
                place = at(noun, 0 if noun == "models" else shard)
                is_timed = noun in ("raw-events", "ticks")
                if self._next[shard, place] < len(self.log[place]) and not (is_timed and applier.is_full()):
                    yield lambda shard=shard, place=place: self._take(shard, place)  # type: ignore[misc]
                    if noun == "raw-events":
                        break  # a tick waits for the events before it
        for partition in range(PARTITIONS):
            place = at("requests", partition, "next_purchase")
            if self._next[-1, place] < len(self.log[place]):
                yield lambda place=place: self._answer(place)  # type: ignore[misc]
        for trainer in self._trainers.values():
            yield from trainer.moves()

    def _take(self, shard: int, place: Place) -> None:
        start = self._next[shard, place]
        turn = self.deployment.appliers[shard].take(place[0], self.log[place][start : start + 1], 0)
        self._next[shard, place] += turn.consumed
        for output in turn.outputs:
            self.deployment.log.append(output, shard)

    def _answer(self, place: Place) -> None:
        shelf = Shelf()
        for version in self.models("next_purchase"):
            shelf.put(version)
        batch = DECODERS["request_batch"](self.log[place][self._next[-1, place]].value)
        self._next[-1, place] += 1
        proposals = ProposalBatch("next_purchase", answer(batch.items, shelf.get, lambda: 0))
        self.deployment.log.send("proposals", None, ENCODERS["proposal_batch"](proposals), batch.reply_partition)


@given(facts, st.integers(0, 2**32))
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_same_is_said_in_whatever_order_everybody_goes_on(of: list[Fact], seed: int) -> None:
    events = told(of)
    first = World(events, random.Random(0), 0.0).run()
    other = World(events, random.Random(seed), 0.1).run()
    assert first["unread"] == []
    assert first == other


def test_what_is_compared_has_versions_that_change_and_are_used() -> None:
    of = [(n % PARTITIONS, "basket_completed" if n % 3 else "product_purchased", 5 * HOUR_MS) for n in range(60)]
    said = World(told(of), random.Random(0), 0.0).run()
    used = {DECODERS["training_example"](value).version for _, _, _, value, _ in said["examples of next_purchase"]}
    assert len(used) > 3
    assert sum(one.kind == "release" for one in said["versions of lapse"]) > 8
    assert sum(one.kind != "release" for one in said["versions of lapse"]) > 3
