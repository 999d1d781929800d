"""The part of the judge that follows decisions: their triggers, activations, draws, models, and their chain."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from typing import Final

from tests.faults.case import CHOSEN, DEFERRED, EXPLORED, GHOST, READINGS, SELECTION, Case, Flaws, evidence_of, repeated
from tests.faults.log import Log
from tests.oracle.deferrals import activation_of, next_after
from tests.oracle.words import derived

GENESIS: Final = bytes(32)  # before a partition's first decision


def check_decisions(log: Log, case: Case) -> Flaws:
    """Every accepted trigger has one decision, whose id follows from it."""
    points = {point["trigger"]: name for name, point in case.bundle["decision_points"].items()}
    wanted = {
        derived("decision", points[event["type"]], event["source"], event["event_id"]): event["profile_id"]
        for event in log.told("events")
        if event["type"] in points
    }
    decisions = list(log.told("decisions"))
    for one in decisions:
        if one["source"] == "deferred":
            wanted[next_after(one)] = one["profile_id"]
    found = {decision["decision_id"]: decision["profile_id"] for decision in decisions}
    yield from (f"two decisions {one}" for one in repeated(d["decision_id"] for d in log.told("decisions")))
    yield from (f"not decided: {one}" for one in wanted.keys() - found.keys())
    yield from (f"decided without a trigger: {one}" for one in found.keys() - wanted.keys())
    yield from (f"{one} is about {found[one]}" for one in found.keys() & wanted.keys() if found[one] != wanted[one])


def check_activations(log: Log, case: Case) -> Flaws:
    """A decision with an action has one activation that says the same; any other has none."""
    acted = {decision["activation_id"]: decision for decision in log.told("decisions") if decision["action"]}
    activations = log.told("activations")
    yield from (f"two activations {one}" for one in repeated(one["activation_id"] for one in activations))
    yield from (
        f"no activation of {acted[one]['decision_id']}"
        for one in acted.keys() - {a["activation_id"] for a in activations}
    )
    slots = {name: point["slot"] for name, point in case.bundle["decision_points"].items()}
    for one in activations:
        decision = acted.get(one["activation_id"])
        if decision is None:
            yield f"{one['activation_id']} follows from no decision with an action"
            continue
        same = ("decision_id", "profile_id", "action", "treatment", "delivery_channel", "policy_hash", "decided_at")
        yield from (
            f"{one['activation_id']}: another {name} than its decision" for name in same if one[name] != decision[name]
        )
        if one["activation_id"] != activation_of(decision, slots[decision["decision_point"]]):
            yield f"{one['activation_id']} is not the id of its cause"
    for decision in log.told("decisions"):
        if (decision["action"] is None) != (decision["source"] in ("none", "holdout", "deferred")):
            yield f"{decision['decision_id']}: {decision['source']} with action {decision['action']}"
        if (decision["ghost_action"] is None) != (decision["source"] != "holdout"):
            yield f"{decision['decision_id']}: {decision['source']} with ghost {decision['ghost_action']}"


def check_draws(log: Log, case: Case) -> Flaws:
    """The draw is that of the decision's id, and what was chosen lies under it."""
    for decision in log.told("decisions"):
        name, salt = decision["decision_id"], case.policies[decision["policy_hash"]]["exploration"]["salt"]
        u = int.from_bytes(hashlib.sha256(f"{salt}|{name}".encode()).digest()[:4], "big")
        if decision["u"] != u:
            yield f"{name}: drew {decision['u']}, not {u}"
        told = evidence_of(decision)
        explored, shares = told[EXPLORED], told[SELECTION]
        if not explored:
            continue
        if sum(shares) != 1 << 32:
            yield f"{name}: selection probabilities sum to {sum(shares)}"
        drawn = next(arm for arm in range(len(shares)) if u < sum(shares[: arm + 1]))
        winner = max(told[CHOSEN], told[GHOST], told[DEFERRED])
        if (winner, decision["q"]) != (explored[drawn], shares[drawn]):
            yield f"{name}: {winner} was chosen with {decision['q']}, drawn was {explored[drawn]} with {shares[drawn]}"


def check_chain(log: Log, case: Case) -> Flaws:
    """Each decision carries the hash of its partition's previous one, and its own."""
    chains: dict[int, bytes] = {}
    for said in log.said["decisions"]:
        decision = said.told
        if decision["previous_hash"] != chains.get(said.partition, GENESIS):
            yield f"{decision['decision_id']}: does not follow the decision before it in partition {said.partition}"
        if decision["hash"] != hashlib.sha256(decision["previous_hash"] + decision["evidence"]).digest():
            yield f"{decision['decision_id']}: its hash is not that of its evidence"
        chains[said.partition] = decision["hash"]


def check_versions(log: Log, case: Case) -> Flaws:
    """No decision used a model that had learned from later than the decision."""
    until = {(one["model"], one["version"]): one["trained_until"] for one in log.told("models")}
    for decision in log.told("decisions"):
        for model, version, status, *_ in evidence_of(decision)[READINGS]:
            if status == "ok" and until.get((model, version), 0) > decision["opened_at"]:
                yield f"{decision['decision_id']}: {model} {version} had learned from later"


def check_policies(log: Log, case: Case) -> Flaws:
    """A decision names the policy of its shard when its round opened: from one to the next as published, never back."""
    order = {name: place for place, name in enumerate(case.policies)}
    points = {point["trigger"]: name for name, point in case.bundle["decision_points"].items()}
    opened = {
        derived("decision", points[one.told["type"]], one.told["source"], one.told["event_id"]): one
        for one in log.said["events"]
        if one.told["type"] in points
    }
    known = [one for one in log.said["decisions"] if one.told["decision_id"] in opened]
    latest: dict[int, int] = defaultdict(int)
    for said in sorted(known, key=lambda one: (one.shard, opened[one.told["decision_id"]].step)):
        name, policy_hash = said.told["decision_id"], said.told["policy_hash"]
        if policy_hash not in order:
            yield f"{name}: its policy {policy_hash} was never published"
            continue
        if order[policy_hash] < latest[said.shard]:
            yield f"{name}: its shard went back to the policy {policy_hash}"
        latest[said.shard] = max(latest[said.shard], order[policy_hash])
