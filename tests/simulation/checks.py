"""What holds of a stream whatever happened to it, read off its committed log alone (and the rows it left)."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise
from typing import Any, Final

from agents.turn import STEP
from agents.vault import PersonalVault
from streams.decision import pack, replay, unpack
from streams.ids import chained, derive
from streams.partition import partition_of
from streams.records import DeadLetter, Event
from tests.simulation.script import Expected
from tests.simulation.world import PARTITIONS, World

VAULT: Final = PersonalVault()
MODELS: Final = ("next_purchase", "lapse", "basket")


def check(world: World, expected: Expected) -> Counter[str]:
    """Assert every invariant; return how often each mechanism was at work."""
    events = [event for _, event in world.said("events")]
    letters = [letter for _, letter in world.said("dead-letters")]
    check_intake(world, events, letters, expected)
    check_steps(world)
    check_decisions(world, events)
    check_rewards(world)
    check_rest(world)
    decisions = [decision for _, decision in world.said("decisions")]
    seen = Counter(decision.source for decision in decisions)
    seen += Counter(flag.partition(":")[0] for decision in decisions for flag in decision.flags)
    seen += Counter(note.kind for _, note in world.said("decision-notes"))
    seen += Counter(letter.cause for letter in letters)
    seen += Counter({"forwarded": len(world.said("routed-events")), **world.counted})
    return seen


def check_intake(world: World, events: list[Event], letters: list[DeadLetter], expected: Expected) -> None:
    """Each fact once, under the person's own name and partition; each refusal once, with its bytes."""
    told = [event for event in events if not event.type.startswith("activation_")]
    accepted = {(event.source, event.event_id): event.profile_id for event in told}
    assert len(told) == len(accepted)
    assert accepted == expected.accepted
    assert sorted((letter.cause, letter.value or b"") for letter in letters) == sorted(
        (cause, value or b"") for value, cause in expected.refused.items()
    )
    for letter in letters:
        assert world.log["raw-events", letter.origin.partition][letter.origin.offset].value == letter.value
    raw = sum(len(records) for (noun, _), records in world.log.items() if noun == "raw-events")
    assert raw == len(events) + len(letters) + expected.repeats + world.counted["repeats"]
    for record, event in world.said("events"):
        assert record.partition == partition_of(event.profile_id, PARTITIONS)


def check_steps(world: World) -> None:
    """Steps rise on every topic of a partition, and one input's outputs share one step."""
    by_shard: dict[int, list[tuple[int, str]]] = defaultdict(list)
    for (noun, _), records in world.log.items():
        stamps = [STEP.unpack(record.headers[0][1]) for record in records if record.headers]
        for shard in range(PARTITIONS):
            steps = [step for number, step in stamps if number == shard]
            assert steps == sorted(steps)
            by_shard[shard] += [(step, noun) for step in steps]
    for told in by_shard.values():
        counts = Counter(told)
        assert all(counts[step, noun] <= 1 for step, noun in counts if noun in ("events", "decisions", "dead-letters"))


def check_decisions(world: World, events: list[Event]) -> None:
    """One decision a trigger, chained, replayable, with models of its past only, and one activation if it acts."""
    said = world.said("decisions")
    triggers = {derive("decision", "checkout", e.source, e.event_id) for e in events if e.type == "basket_completed"}
    assert sorted(decision.decision_id for _, decision in said) == sorted(triggers)
    trained_until = {
        (version.model, version.version): version.trained_until for _, version in world.said("models") if version.inputs
    }
    for shard in world.shards:
        mine = [decision for record, decision in said if record.partition == shard.number]
        assert all(after.previous_hash == before.hash for before, after in pairwise(mine))
        for record, decision in said:
            if record.partition != shard.number:
                continue
            assert (decision.partition, decision.step) == STEP.unpack(record.headers[0][1])
            assert decision.hash == chained(decision.previous_hash, decision.evidence)
            check_evidence(world, shard, decision, trained_until)
    activations = {one.decision_id: one for _, one in world.said("activations")}
    assert len(activations) == len(world.said("activations"))
    assert {one.activation_id for one in activations.values()} == {
        decision.activation_id for _, decision in said if decision.activation_id is not None
    }
    for _, decision in said:
        assert (decision.decision_id in activations) == (decision.action is not None)
        assert decision.ghost_action is None or decision.action is None
        assert (decision.reason is None) == (decision.action is not None)


def check_evidence(world: World, shard: Any, decision: Any, trained_until: dict[tuple[str, str], int]) -> None:
    """What was recorded is enough to decide again, to the byte."""
    key = shard.applier.driver.state.profiles.get(decision.profile_id).key
    verdict = unpack(decision.evidence, lambda sealed, about: VAULT.open(key, sealed, about))
    again = replay(world.parts.book.by_hash[decision.policy_hash], verdict)
    assert pack(again, lambda plain, about: VAULT.seal(key, plain, about)) == decision.evidence
    for reading in verdict.snapshot.readings:
        if reading.status == "ok":
            assert trained_until[reading.model, reading.version] <= decision.decided_at


def check_rewards(world: World) -> None:
    """Every decision is final once, no outcome is credited twice, and every model has its example."""
    rewards = [reward for _, reward in world.said("rewards")]
    assert len({reward.reward_id for reward in rewards}) == len(rewards)
    final = [reward for reward in rewards if reward.status == "final"]
    acted = {
        decision.decision_id for _, decision in world.said("decisions") if decision.action or decision.ghost_action
    }
    assert Counter((reward.decision_id, reward.outcome) for reward in final) == Counter(
        (decision_id, outcome) for decision_id in acted for outcome in ("purchase", "retain")
    )
    outcomes = Counter((one.profile_id, one.type) for _, one in world.said("outcomes"))
    earned: Counter[tuple[str, str]] = Counter()
    for reward in final:
        if not reward.ghost:
            earned[reward.profile_id, reward.outcome] += reward.outcomes
    assert earned <= outcomes
    decisions = {decision.decision_id for _, decision in world.said("decisions")}
    for model in MODELS:
        examples = [example for _, example in world.said(f"retraining.{model}")]
        ids = {example.decision_id for example in examples}
        assert len(ids) == len(examples)
        assert ids == decisions if model != "basket" else ids <= decisions


def check_rest(world: World) -> None:
    """Nothing is open, and what was committed is what is held."""
    for shard in world.shards:
        state = shard.applier.driver.state
        assert state.rounds_open == 0
        assert state.open_decisions.size == 0
        assert state.profiles.size == sum(key[:1] == b"P" for key in shard.rows)
        restored = world.parts.applier(shard.number, dict(shard.rows), shard.step).driver.state
        assert restored.shard == state.shard
        for name in restored.profiles.keys():  # noqa: SIM118  # a table is no dict
            assert restored.profiles.get(name) == state.profiles.get(name)
