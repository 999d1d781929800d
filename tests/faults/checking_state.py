"""The part of the judge that follows steps, what was learned, and what is left in the state."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Final

import msgspec

from tests.faults.case import REPORTS, Case, Flaws, repeated
from tests.faults.log import SHARD_SAYS, Log, Said

POSITION: Final = b"\0position"
ONCE_A_STEP: Final = ("events", "dead-letters", "routed-events", "decisions")
INTAKE: Final = ("events", "dead-letters", "routed-events")  # a step takes in one record, so it says one of these


def check_steps(log: Log, case: Case) -> Flaws:
    """Steps go up in every partition of every topic; none says twice what a step says once."""
    for noun in SHARD_SAYS:
        last: dict[tuple[str, int, int], Said] = {}
        for said in log.said[noun]:
            if said.shard < 0:
                yield f"{noun} {said.partition}/{said.offset} carries no step"
            if said.shard != said.partition and noun != "routed-events":
                yield f"{noun} {said.partition}/{said.offset} was said by shard {said.shard}"
            before = last.get((said.topic, said.partition, said.shard))
            if before and (before.step > said.step or (noun in ONCE_A_STEP and before.step == said.step)):
                yield f"{noun} {said.partition}/{said.offset} has step {said.step} after {before.step}"
            last[said.topic, said.partition, said.shard] = said
    taken = ((said.shard, said.step) for noun in INTAKE for said in log.said[noun])
    yield from (f"shard {shard} took in two records in step {step}" for shard, step in repeated(taken))
    for said in log.said["decisions"]:
        if (said.told["partition"], said.told["step"]) != (said.shard, said.step):
            yield f"{said.told['decision_id']}: says step {said.told['step']}, its header {said.step}"


def check_rewards(log: Log, case: Case) -> Flaws:
    """After the last tick each decision for an action, a ghost's too, has one final reward for each outcome."""
    acted = {d["decision_id"]: d for d in log.told("decisions") if d["action"] or d["ghost_action"]}
    wanted = {(name, outcome) for name in acted for outcome in case.bundle["outcomes"]}
    rewards = log.told("rewards")
    final = [(one["decision_id"], one["outcome"]) for one in rewards if one["status"] == "final"]
    yield from (f"two rewards {one}" for one in repeated(one["reward_id"] for one in rewards))
    yield from (f"two final rewards of {one}" for one in repeated(iter(final)))
    yield from (f"no final reward of {one}" for one in sorted(wanted - set(final)))
    yield from (f"a final reward of {one}" for one in sorted(set(final) - wanted))
    for one in rewards:
        decision = acted.get(one["decision_id"])
        if decision is None:
            yield f"{one['reward_id']} is of no decision for an action"
        elif (one["action"], one["ghost"], one["q"]) != (
            decision["action"] or decision["ghost_action"], decision["action"] is None, decision["q"],
        ):  # fmt: skip
            yield f"{one['reward_id']}: another action, ghost or probability than its decision"


def check_worth(log: Log, case: Case) -> Flaws:
    """An outcome is credited once: what final rewards are worth together is what outcomes that were credited are."""
    outcomes = log.told("outcomes")
    yield from (f"two outcomes {one}" for one in repeated(one["outcome_id"] for one in outcomes))
    accepted = {event["event_id"] for event in log.told("events") if event["type"] not in REPORTS}
    yield from (f"an outcome of no event: {one['outcome_id']}" for one in outcomes if one["event_id"] not in accepted)
    noted: dict[tuple[str, str], int] = Counter()
    for one in outcomes:
        noted[one["profile_id"], one["type"]] += one["value_micro"]
    earned: dict[tuple[str, str], int] = Counter()
    for one in log.told("rewards"):
        if one["status"] == "final" and not one["ghost"]:
            earned[one["profile_id"], one["outcome"]] += one["value_micro"]
    yield from (
        f"{one} earned {worth}, outcomes came to {noted[one]}" for one, worth in earned.items() if worth > noted[one]
    )


def check_examples(log: Log, case: Case) -> Flaws:
    """A model gets at most one example of a decision, of one that was made."""
    made = {decision["decision_id"] for decision in log.told("decisions")}
    examples = [(one["model"], one["decision_id"]) for one in log.told("retraining")]
    yield from (f"two examples of {one}" for one in repeated(iter(examples)))
    yield from (f"an example of no decision: {one}" for one in examples if one[1] not in made)
    for said in log.said["retraining"]:
        if said.topic != f"retraining.{said.told['model']}":
            yield f"an example for {said.told['model']} in {said.topic}"


def check_changelog(log: Log, case: Case) -> Flaws:
    """What the changelog replays to: a profile for each person, nothing waiting, a position behind everything."""
    rows: dict[tuple[int, bytes], bytes] = {}
    for seen in log.changelog:
        place = (seen.partition, seen.key or b"")
        if seen.value is None:
            rows.pop(place, None)
        else:
            rows[place] = seen.value
    tables: dict[bytes, set[tuple[int, str]]] = defaultdict(set)
    for partition, key in rows:
        tables[key[:1]].add((partition, key[1:].decode()))
    people = {(case.homes[event["profile_id"]], event["profile_id"]) for event in log.told("events")}
    met = {
        (said.partition, said.told["profile_id"])
        for said in log.said["decisions"]
        if said.told["action"] or said.told["ghost_action"]
    }
    yield from (f"no profile of {one}" for one in sorted(people - tables[b"P"]))
    yield from (f"a profile of {one}" for one in sorted(tables[b"P"] - people))
    yield from (f"no contacts of {one}" for one in sorted(met - tables[b"C"]))
    yield from (f"an open round is left: {one}" for one in sorted(tables[b"R"]))
    yield from (f"decisions are left open: {one}" for one in sorted(tables[b"O"]))
    steps: dict[int, int] = defaultdict(int)
    ends: dict[int, int] = {seen.partition: seen.offset for seen in log.raw}
    for noun in SHARD_SAYS:
        for said in log.said[noun]:
            steps[said.shard] = max(steps[said.shard], said.step)
    for partition, step in steps.items():
        _, stored, places, *_ = msgspec.msgpack.decode(rows[partition, POSITION])
        at = next(place[0] for topic, place in places.items() if topic.endswith(".raw-events.v1"))
        if stored < step or at <= ends[partition]:
            yield f"partition {partition}: position at step {stored} and {at}, was at {step} and {ends[partition]}"
