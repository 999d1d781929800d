"""What holds of a stream whatever happened to it: of its committed log, and of what its shards hold at the end."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from typing import Any, Final

from aiokafka import TopicPartition

from agents.turn import STEP
from agents.vault import PersonalVault
from streams.decision import pack, replay, unpack
from streams.ids import chained, derive
from streams.partition import partition_of
from streams.records import RawEvent
from streams.topology import TOPICS, topic_name
from tests.simulation.in_place import compiled
from tests.simulation.log import Record
from tests.simulation.worker import PARTITIONS, state_of
from tests.simulation.world import World

Flaws = Iterator[str]
Pairs = list[tuple[Record, Any]]

VAULT: Final = PersonalVault()
MODELS: Final = ("next_purchase", "lapse", "basket")
ONCE_A_STEP: Final = ("events", "decisions", "dead-letters", "routed-events")
SAID: Final = tuple(
    name
    for topic in TOPICS
    if topic.written_by == "worker" and topic.schema
    for name in ([f"{topic.noun}.{model}" for model in MODELS] if topic.per_model else [topic.noun])
)


class Told:
    """A world's committed topics, decoded once."""

    def __init__(self, world: World) -> None:
        self.world: Final = world
        self.said: Final[dict[str, Pairs]] = {name: world.said(name) for name in (*SAID, "models")}
        self.raw: Final = [
            record
            for number in range(PARTITIONS)
            for record in world.log.committed(TopicPartition(topic_name("continuo", "raw-events"), number))
        ]

    def records(self, name: str) -> list[Any]:
        """Return what a topic says."""
        return [said for _, said in self.said[name]]


def flaws(world: World) -> list[str]:
    """Return everything that is wrong, a sentence each, and each beginning with the name of what it breaks."""
    told = Told(world)
    return [f"{name}: {flaw}" for name, check in CHECKS.items() for flaw in check(told)]


def mechanisms(world: World) -> Counter[str]:
    """Return how often each mechanism was at work."""
    told = Told(world)
    decisions = told.records("decisions")
    seen = Counter(decision.source for decision in decisions)
    seen += Counter(flag.partition(":")[0] for decision in decisions for flag in decision.flags)
    seen += Counter(note.kind for note in told.records("decision-notes"))
    seen += Counter(letter.cause for letter in told.records("dead-letters"))
    seen["questions of aborted attempts"] = sum(
        len(world.log.aborted(TopicPartition(topic_name("continuo", "requests", "next_purchase"), number)))
        for number in range(PARTITIONS)
    )
    return seen + Counter({"forwarded": len(told.said["routed-events"]), **world.counted})


def check_intake(told: Told) -> Flaws:
    """Each fact once, under the person's own name and in the person's partition; each refusal once, with its bytes."""
    expected = told.world.outside.producers.expected
    events = [event for event in told.records("events") if not event.type.startswith("activation_")]
    accepted = Counter((event.source, event.event_id, event.profile_id) for event in events)
    wanted = Counter((*identity, owner) for identity, owner in expected.accepted.items())
    yield from (f"accepted and not told, or twice: {one}" for one in accepted - wanted)
    yield from (f"told and not accepted: {one}" for one in wanted - accepted)
    letters = told.records("dead-letters")
    refused = Counter((letter.cause, letter.value) for letter in letters)
    due = Counter((cause, value) for value, cause in expected.refused.items())
    yield from (f"refused and not to be, or twice: {one}" for one in refused - due)
    yield from (f"to be refused and not: {one}" for one in due - refused)
    raw = {(record.partition, record.offset): record.value for record in told.raw}
    yield from (
        f"a dead letter without its bytes: {letter}"
        for letter in letters
        if raw.get((letter.origin.partition, letter.origin.offset)) != letter.value
    )
    fates = len(told.said["events"]) + len(letters) + expected.repeats
    if fates != len(raw):
        yield f"{len(raw)} raw records, {fates} accepted, refused or repeated"
    for record, event in told.said["events"]:
        if record.partition != partition_of(event.profile_id, PARTITIONS):
            yield f"{event.event_id} of {event.profile_id} was accepted in partition {record.partition}"


def check_order(told: Told) -> Flaws:
    """What one partition brought of one name is accepted in its order."""
    times: Counter[str] = Counter()
    places: dict[str, tuple[tuple[int, str], int]] = {}
    for record in told.raw:
        event = told.world.outside.producers.told.get(record.value)
        if isinstance(event, RawEvent):
            times[event.event_id] += 1
            places[event.event_id] = ((record.partition, event.profile_id), record.offset)
    last: dict[object, int] = {}
    for record, event in told.said["events"]:
        if times[event.event_id] == 1:
            source, offset = places[event.event_id]
            way = (source, record.partition)
            if offset < last.get(way, -1):
                yield f"{event.event_id} of {source}, raw offset {offset}, was overtaken"
            last[way] = offset


def check_steps(told: Told) -> Flaws:
    """Steps rise on every topic of a partition, and one input's outputs share one step."""
    once: Counter[tuple[str, int, int]] = Counter()
    for noun, pairs in told.said.items():
        last: dict[tuple[int, int], int] = defaultdict(int)
        for record, _ in pairs if noun != "models" else ():
            shard, step = STEP.unpack(record.headers[0][1])
            if step < last[record.partition, shard]:
                yield f"{noun}/{record.partition} says step {step} of {shard} after {last[record.partition, shard]}"
            last[record.partition, shard] = step
            once[noun, shard, step] += noun in ONCE_A_STEP
    yield from (f"{noun} of shard {shard} says step {step} twice" for (noun, shard, step), n in once.items() if n > 1)


def check_decisions(told: Told) -> Flaws:
    """One decision a trigger; one activation if it acts, none else."""
    decisions = told.records("decisions")
    triggers = Counter(
        derive("decision", "checkout", event.source, event.event_id)
        for event in told.records("events")
        if event.type == "basket_completed"
    )
    made = Counter(decision.decision_id for decision in decisions)
    yield from (f"decided without trigger, or twice: {one}" for one in made - triggers)
    yield from (f"not decided: {one}" for one in triggers - made)
    activations = Counter((one.decision_id, one.activation_id) for one in told.records("activations"))
    acting = Counter((one.decision_id, one.activation_id) for one in decisions if one.activation_id is not None)
    yield from (f"activated without decision, or twice: {one}" for one in activations - acting)
    yield from (f"not activated: {one}" for one in acting - activations)
    for one in decisions:
        if (one.action is None) != (one.activation_id is None) or (one.ghost_action and one.action):
            yield f"{one.decision_id}: action {one.action}, ghost {one.ghost_action}, activation {one.activation_id}"
        if (one.reason is None) != (one.action is not None):
            yield f"{one.decision_id}: action {one.action}, and reason {one.reason}"


def check_chain(told: Told) -> Flaws:
    """Each decision carries its step, its own hash, and that of the decision before it in its partition."""
    pairs = told.said["decisions"]
    for record, decision in pairs:
        if (decision.partition, decision.step) != STEP.unpack(record.headers[0][1]):
            yield f"{decision.decision_id}: another step than its header's"
        if decision.hash != chained(decision.previous_hash, decision.evidence):
            yield f"{decision.decision_id}: not the hash of its evidence"
    for (one, before), (two, after) in pairwise(pairs):
        if one.partition == two.partition and after.previous_hash != before.hash:
            yield f"{after.decision_id} does not follow {before.decision_id}"


def check_evidence(told: Told) -> Flaws:
    """What was recorded is enough to decide again, to the byte, and knows no model that learned from later."""
    until = {(one.model, one.version): one.trained_until for one in told.records("models") if one.inputs}
    shards = told.world.group.shards()
    for record, decision in told.said["decisions"]:
        person = state_of(shards[record.partition]).profiles.get(decision.profile_id)
        if person is None:
            yield f"{decision.profile_id}, about whom {decision.decision_id} is, is not known"
            continue
        verdict = unpack(decision.evidence, partial(VAULT.open, person.key))
        again = replay(compiled(decision.policy_hash), verdict)
        if pack(again, partial(VAULT.seal, person.key)) != decision.evidence:
            yield f"{decision.decision_id} is decided otherwise by its own evidence"
        for reading in verdict.snapshot.readings:
            if reading.status == "ok" and until[reading.model, reading.version] > decision.decided_at:
                yield f"{decision.decision_id}: {reading.model} {reading.version} had learned from later"


def check_rewards(told: Told) -> Flaws:
    """Every decision is final once, no outcome is credited twice, and every model has its example."""
    rewards, decisions = told.records("rewards"), told.records("decisions")
    yield from (f"said twice: reward {one}" for one, n in Counter(one.reward_id for one in rewards).items() if n > 1)
    final = Counter((one.decision_id, one.outcome) for one in rewards if one.status == "final")
    acted = [one.decision_id for one in decisions if one.action or one.ghost_action]
    due = Counter((one, outcome) for one in acted for outcome in ("purchase", "retain"))
    yield from (f"final without decision, or twice: {one}" for one in final - due)
    yield from (f"not final: {one}" for one in due - final)
    outcomes = Counter((one.profile_id, one.type) for one in told.records("outcomes"))
    earned: Counter[tuple[str, str]] = Counter()
    for one in rewards:
        if one.status == "final" and not one.ghost:
            earned[one.profile_id, one.outcome] += one.outcomes
    yield from (f"credited more often than it was observed: {one}" for one in earned - outcomes)
    made = Counter(one.decision_id for one in decisions)
    for model in MODELS:
        examples = Counter(example.decision_id for example in told.records(f"retraining.{model}"))
        yield from (f"{model}: an example without decision, or twice: {one}" for one in examples - made)
        yield from (f"{model}: no example: {one}" for one in made - examples if model != "basket")


def check_shards(told: Told) -> Flaws:
    """Every shard has one owner, which holds what the changelog says, has read everything, and waits for nothing."""
    world = told.world
    shards = world.group.shards()
    if sorted(shards) != list(range(PARTITIONS)):
        yield f"the shards that are held are {sorted(shards)}"
    for number, shard in shards.items():
        state = state_of(shard)
        rows, position = world.changelog(number)
        if rows != state.profiles._rows:
            yield f"shard {number} holds other rows than its changelog: {rows.keys() ^ state.profiles._rows.keys()}"
        if position != shard.position:
            yield f"shard {number} is at {shard.position}, its changelog at {position}"
        for topic, source in shard.sources.items():
            place = TopicPartition(topic, 0 if topic_is_control(topic) else number)
            records = world.log.committed(place)
            end = records[-1].offset + 1 if records else 0
            if source.next_offset != end or source.backlog:
                yield f"shard {number} has read {place} until {source.next_offset}, it ends at {end}"
        if state.rounds_open or state.open_decisions.size:
            yield f"shard {number} waits: {state.rounds_open} rounds, {state.open_decisions.size} people's decisions"
        if state.profiles.size != sum(key[:1] == b"P" for key in rows):
            yield f"shard {number} counts {state.profiles.size} people"


def topic_is_control(topic: str) -> bool:
    """Tell whether a topic has one partition that every shard reads."""
    return topic in (topic_name("continuo", "policies"), topic_name("continuo", "models"))


def check_ends(told: Told) -> Flaws:
    """A process ends because of the network or of its successor, and for no other reason."""
    yield from told.world.group.ends


CHECKS: Final[dict[str, Callable[[Told], Flaws]]] = {
    "intake": check_intake,
    "order": check_order,
    "steps": check_steps,
    "decisions": check_decisions,
    "chain": check_chain,
    "evidence": check_evidence,
    "rewards": check_rewards,
    "shards": check_shards,
    "ends": check_ends,
}
