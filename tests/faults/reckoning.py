"""The judge's own run: everything that each person's events lead to, one shard after the other, from the oracle."""

from __future__ import annotations

import heapq
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from tests.faults.case import READINGS, REPORTS, Case, Flaws, evidence_of
from tests.faults.checking_evidence import compare_evidence, compare_head
from tests.faults.log import Log, Said
from tests.oracle import ruling
from tests.oracle.bundle import Bundle, Candidate
from tests.oracle.credit import Credit, Open
from tests.oracle.deferrals import activation_of, deferral_of, next_after
from tests.oracle.features import Facts, typed
from tests.oracle.people import Person
from tests.oracle.ruling import Answer, Oracle
from tests.oracle.words import DAY_MS, derived

DEFERRAL: Final = "deferral"  # as the type of a trigger
FOLLOWS: Final = ("outcomes", "rewards", "decision-notes", "activations", "retraining")
Told = dict[str, Any]


class Opened(NamedTuple):
    """A round, by what opened it."""

    trigger: Told
    features: list[Any]
    step: int
    deferrals: int = 0  # before it


@dataclass
class Life:
    """One person as the judge has come to know him."""

    facts: Facts
    credit: Credit
    person: Person = field(default_factory=Person)
    accepted: list[Told] = field(default_factory=list)
    opened: dict[str, Opened] = field(default_factory=dict)  # by decision_id
    deferred: dict[str, Told] = field(default_factory=dict)  # triggers that are to come, by decision_id


class Reckoning:
    """One shard, reckoned through; what is not as reckoned is a flaw."""

    def __init__(self, log: Log, case: Case, shard: int) -> None:
        self.bundle: Final = Bundle(case.bundle)  # for all that is the same in every policy
        self.bundles: Final = {name: Bundle(bundle) for name, bundle in case.policies.items()}
        self.oracles: Final = {
            (name, point): Oracle(bundle, point)
            for name, bundle in self.bundles.items()
            for point in case.bundle["decision_points"]
        }
        self.lives: Final[dict[str, Life]] = defaultdict(lambda: Life(Facts(self.bundle), Credit(self.bundle)))
        self.policy_hash: Final = list(case.policies)[-1]  # in the end
        self.clock = 0
        self._shard: Final = shard
        self._keys: Final = {place: row[2] for place, row in log.rows(b"P").items()}
        self._published: Final = {(one["model"], one["version"]): one for one in log.told("models")}
        self._points: Final = {told["trigger"]: name for name, told in case.bundle["decision_points"].items()}
        entries = [(one.step, 0, one) for one in log.said["events"] if one.shard == shard]
        entries += [(one.step, 1, one) for one in log.said["decisions"] if one.shard == shard]
        self._entries: Final = sorted(entries, key=lambda one: one[:2])
        self._said: Final[dict[tuple[int, str], list[Told]]] = defaultdict(list)  # by step and noun
        self._finals: Final[dict[str, set[int]]] = defaultdict(set)  # steps in which a decision's time came, by its id
        for noun in FOLLOWS:
            for one in log.said[noun]:
                if one.shard == shard and one.told.get("kind") != "late_answer":
                    self._said[one.step, noun].append(one.told)
                    if one.told.get("status") == "final" or noun == "retraining":
                        self._finals[one.told["decision_id"]].add(one.step)
        self._wanted: Final[dict[tuple[int, str], list[Told]]] = defaultdict(list)
        self._due: Final[list[tuple[int, str, str]]] = []
        self._ticks: Final = {one.told["ticked_at"] for one in log.said["ticks"] if one.partition == shard}
        self._step = 0  # of the last thing that happened

    def flaws(self) -> Flaws:
        """All that is said of a person is what his events lead to, in that step and to the digit."""
        for step, is_decision, said in self._entries:
            if is_decision:
                yield from self._decide(said)
            else:
                yield from self._tick(said.told["accepted_at"], step)
                yield from self._close(said.told["occurred_at"], step)
                self._accept(said)
            self._step = step
        yield from self._close(1 << 60, 1 << 60)
        for place in sorted(self._said.keys() | self._wanted.keys()):
            found, wanted = _sorted(self._said[place]), _sorted(self._wanted[place])
            if found != wanted:
                yield f"shard {self._shard}, step {place[0]}: {place[1]} are {_lacking(found, wanted)}"

    def _tick(self, at: int, step: int) -> Flaws:
        """Let the clock come to an instant, if a tick has moved it there."""
        if at > self.clock and at in self._ticks:
            yield from self._close(at, step)
            self.clock = at

    def _accept(self, said: Said) -> None:
        event = said.told
        self.clock = max(self.clock, event["occurred_at"])
        life = self.lives[event["profile_id"]]
        life.accepted.append(event)
        properties = typed(self.bundle, event["type"], event["properties"])
        life.facts.add(event["type"], event["occurred_at"], event["event_id"], properties)
        life.person.hear(event["consent"], event["occurred_at"])
        life.person.move(properties.get("zone"), (event["occurred_at"], event["event_id"]), self.bundle.zone)
        if event["type"] in REPORTS:
            self._report(life, event, said.step)
            return
        for outcome, rewards in life.credit.observe(event, properties):
            self._wanted[said.step, "outcomes"].append(outcome)
            self._wanted[said.step, "rewards"] += rewards
            if self.bundle.outcomes[outcome["type"]].get("match") and outcome["activation_id"]:
                life.person.redeem(outcome["activation_id"])
        for told in self.bundle.outcomes.values():
            if told["event"] == event["type"]:
                life.person.rest(told, str(properties.get("category")), event["occurred_at"])
        if event["type"] in self._points:
            name = derived("decision", self._points[event["type"]], event["source"], event["event_id"])
            life.opened[name] = Opened(event, life.facts.features(self.clock), said.step)

    def _report(self, life: Life, event: Told, step: int) -> None:
        told, kind, at = event["properties"], event["type"].removeprefix("activation_"), event["occurred_at"]
        life.person.report(told["activation_id"], kind, at)
        if kind == "delivered":
            life.credit.deliver(told["activation_id"], at)
        self._wanted[step, "decision-notes"].append({
            "decision_id": told["decision_id"], "profile_id": event["profile_id"], "kind": kind, "noted_at": at,
            "details": {"activation_id": told["activation_id"]},
        })  # fmt: skip

    def _decide(self, said: Said) -> Flaws:
        decision, name = said.told, said.told["decision_id"]
        life = self.lives[decision["profile_id"]]
        if decision["trigger_type"] == DEFERRAL:
            yield from self._close(decision["opened_at"], said.step)
        yield from self._tick(decision["decided_at"], said.step)
        if name not in life.opened:
            yield f"{name} was decided before its trigger was accepted"
            return
        trigger, features, _, deferrals = life.opened[name]
        point, policy_hash = decision["decision_point"], decision["policy_hash"]
        if policy_hash not in self.bundles:
            yield f"{name}: its policy {policy_hash} was never published"
            return
        bundle, oracle = self.bundles[policy_hash], self.oracles[policy_hash, point]
        heard = [
            ("trigger_type", trigger["type"]), ("trigger_event_id", trigger["event_id"]),
            ("trigger_occurred_at", trigger["occurred_at"]), ("opened_at", trigger["accepted_at"]),
        ]  # fmt: skip
        yield from (f"{name}: {field} is {decision[field]}, not {value}" for field, value in heard
                    if decision[field] != value)  # fmt: skip
        answers = {reading[0]: self._answer(reading) for reading in evidence_of(decision)[READINGS]}
        case = ruling.Case(name, decision["profile_id"], self.clock, life.person, features, answers, deferrals)
        found = oracle.rule(case)
        activation_id = activation_of(decision, bundle.slot(point))
        key = self._keys.get((self._shard, decision["profile_id"]), b"")
        yield from (f"{name}: {flaw}" for flaw in compare_evidence(oracle, case, found, decision, key))
        yield from (f"{name}: {flaw}" for flaw in compare_head(oracle, case, found, decision, activation_id))
        if found.deferred >= 0:
            self._defer(life, decision, trigger, oracle.release_of(found, found.deferred))
            return
        winner = max(found.chosen, found.ghost)
        candidate = oracle.candidates[winner] if winner >= 0 else None
        if candidate:
            life.person.reserve(bundle, candidate, activation_id, self.clock, ghost=found.ghost >= 0)
        if candidate and found.chosen >= 0:
            self._wanted[said.step, "activations"].append(self._activation(candidate, decision, trigger, activation_id))
        answered = {one[0]: (one[1], one[4]) for one in evidence_of(decision)[READINGS] if one[2] == "ok"}
        opened = life.credit.await_outcomes(decision, candidate, features, answered)
        heapq.heappush(self._due, (opened.until, name, decision["profile_id"]))

    def _defer(self, life: Life, decision: Told, trigger: Told, release_at: int) -> None:
        """Await the decision that a deferred one leads to."""
        family, number = deferral_of(decision)
        name = next_after(decision)
        life.deferred[name] = trigger | {
            "type": DEFERRAL, "event_id": f"{family}/{number + 1}", "occurred_at": release_at,
            "accepted_at": release_at,
        }  # fmt: skip
        heapq.heappush(self._due, (release_at, name, decision["profile_id"]))

    def _answer(self, reading: list[Any]) -> Answer:
        """Return a model's answer as it was recorded, calibrated as its version was published."""
        model, version, status, _, outputs, *_ = reading
        told = self._published.get((model, version), {}).get("calibrator")
        if status != "ok" or told is None:
            return Answer(status, outputs)
        return Answer(status, outputs, told["edges_ppb"], told["values_ppb"])

    def _activation(self, candidate: Candidate, decision: Told, trigger: Told, activation_id: str) -> Told:
        action, at, bundle = candidate.action, decision["decided_at"], self.bundles[decision["policy_hash"]]
        lease_ms = bundle.channels[candidate.channel]["lease_s"] * 1000
        ends = at + (action["offer_days"] * DAY_MS or lease_ms)
        return {
            "activation_id": activation_id, "decision_id": decision["decision_id"],
            "profile_id": decision["profile_id"], "action": action["id"], "treatment": candidate.treatment["id"],
            "delivery_channel": candidate.channel, "content": candidate.treatment["content"], "decided_at": at,
            "release_at": at, "expires_at": min(ends, bundle.valid(action)[1]),
            "policy_hash": decision["policy_hash"], "traceparent": trigger["traceparent"],
        }  # fmt: skip

    def _close(self, to: int, before: int) -> Flaws:
        """Close the decisions whose time has come by then; what that says has to be said before a step."""
        while self._due and self._due[0][0] <= to:
            at, name, person = heapq.heappop(self._due)
            life = self.lives[person]
            if name in life.deferred:
                self.clock = max(self.clock, at)
                trigger = life.deferred.pop(name)
                number = int(trigger["event_id"].rpartition("/")[2])
                life.opened[name] = Opened(trigger, life.facts.features(self.clock), self._step, number)
                continue
            credit = life.credit
            one = next((one for one in credit.open if one.identity == name), None)
            if one is None:
                continue
            yield from self._say_final(credit, one, before)

    def _say_final(self, credit: Credit, one: Open, before: int) -> Flaws:
        rewards, examples = credit.close(one)
        steps = self._finals.pop(one.identity, set())
        if len(steps) != 1:
            if rewards or examples:
                yield f"{one.identity} is final in the steps {sorted(steps)}"
            return
        (step,) = steps
        if not self._step < step < before:
            yield f"{one.identity} is final in step {step}, its time comes between {self._step} and {before}"
        self._step = step
        self._wanted[step, "rewards"] += rewards
        self._wanted[step, "retraining"] += examples


def _sorted(records: list[Told]) -> list[Told]:
    return sorted(records, key=str)


def _lacking(found: list[Told], wanted: list[Told]) -> str:
    """Say which records are there and should not be, and the other way round."""
    more = [one for one in found if one not in wanted]
    less = [one for one in wanted if one not in found]
    if not more and not less:
        return f"{len(found)}, not {len(wanted)}"
    if len(more) == len(less) == 1:
        told = {name: (more[0][name], value) for name, value in less[0].items() if more[0][name] != value}
        return f"(as said, as reckoned) {told} of {list(less[0].values())[:2]}"
    return f"{more[:3]}, not {less[:3]}"
