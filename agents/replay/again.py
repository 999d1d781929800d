"""One decision, decided again: from its record, its policy, its trigger and its person's key alone.

Theory of operation.  The evidence opened, the engine decides anew from the snapshot in it and packs what it finds; the
stage that puts heads on decisions builds the record around it.  Equal means: the bytes of that record are the bytes
that stand in the topic.  Only when they are not is anything compared field by field.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias

from aiokafka import ConsumerRecord
from cryptography.exceptions import InvalidTag

from agents.codecs.avro import encode_decision
from agents.policy_topic import Bundle
from agents.replay.comparing import Difference, compare_bytes, compare_evidence, compare_heads, told
from agents.turn import STEP
from agents.vault import PersonalVault
from streams import arbitrate, deferrals, propose
from streams.activate import activation_id
from streams.decision import EvidenceUnreadable, Verdict, pack, unpack
from streams.decision import replay as decide_again
from streams.ids import chained
from streams.policy import Point, Policy, compile_policy
from streams.records import Decision, Event, Origin
from streams.rows import Round

EQUAL: Final = "equal"
DIFFERENT: Final = "different"
UNREADABLE: Final = {
    "record": "the record cannot be read as a decision",
    "evidence": "the evidence is of another version than this one reads",
    "policy": "its policy is not on the policy topic",
    "key": "its person's key is erased",
    "other key": "its person's key is not the one that sealed it: erased since, and made anew",
}
NOWHERE: Final = Origin("", 0, 0, 0)

Record: TypeAlias = ConsumerRecord[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one decision."""

    fate: str  # EQUAL, DIFFERENT, or a key of UNREADABLE
    differences: tuple[Difference, ...] = ()


class Decider:
    """Decides recorded decisions again, each under the policy that it names."""

    def __init__(self, bundles: Mapping[str, Bundle]) -> None:
        """Decide under these bundles, by hash."""
        self.policies: Final[dict[str, Policy]] = {}  # those that were needed
        self._bundles: Final = bundles
        self._vault: Final = PersonalVault()

    def decide(self, record: Record, decision: Decision, trigger: Event | None, key: bytes) -> Result:
        """Decide again what a record says.

        trigger: the accepted event, None where it is not kept any more; key: the person's, b"" where it is erased.
        """
        wrong = [*_compare_stamps(record, decision)]
        try:
            verdict = unpack(decision.evidence, partial(self._vault.open, key) if key else None)
            is_open = bool(key)
        except InvalidTag:
            verdict, is_open = unpack(decision.evidence, None), False
        except EvidenceUnreadable as error:
            return _concluded(wrong + [Difference("evidence", str(error), "a verdict")] * bool(wrong), "evidence")
        policy = self._policy(verdict.policy_hash)
        if policy is None:
            return _concluded(wrong, "policy")
        try:
            again, evidence = verdict, decision.evidence
            if is_open:
                again = decide_again(policy, verdict)
                evidence = pack(again, partial(self._vault.seal, key))
            made = _recorded(again, policy, trigger, decision, record, evidence)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            said = f"no decision comes out of it ({type(error).__name__}: {error})"
            lost = Difference("evidence", told(decision.evidence), said)
            return Result(DIFFERENT, (*wrong, lost))
        if encode_decision(made) != record.value:
            wrong += _differences(policy, decision, made, verdict, again, record)
        return _concluded(wrong, EQUAL if is_open else "other key" if key else "key")

    def _policy(self, name: str) -> Policy | None:
        if name not in self.policies and name in self._bundles:
            self.policies[name] = compile_policy(self._bundles[name])
        return self.policies.get(name)


def _concluded(wrong: list[Difference], otherwise: str) -> Result:
    return Result(DIFFERENT, tuple(wrong)) if wrong else Result(otherwise)


def _compare_stamps(record: Record, decision: Decision) -> list[Difference]:
    """Compare a record with what stands beside it in the topic, and with its own hash."""
    found = []
    if record.key != decision.profile_id.encode():
        found.append(Difference("profile_id", decision.profile_id, f"{told(record.key)} is the record's key, in hex"))
    if _place(record) is None:
        found.append(Difference("header `step`", told(dict(record.headers).get("step")), "partition and step"))
    computed = chained(decision.previous_hash, decision.evidence)
    if computed != decision.hash:
        found.append(Difference("hash", told(decision.hash), told(computed)))
    return found


def _place(record: Record) -> tuple[int, int] | None:
    """Return partition and step, from the header that every output carries."""
    stamp = dict(record.headers).get("step", b"")
    if len(stamp) != STEP.size:
        return None
    partition, step = STEP.unpack(stamp)
    return partition, step


def _recorded(
    verdict: Verdict, policy: Policy, trigger: Event | None, decision: Decision, record: Record, evidence: bytes
) -> Decision:
    """Return the record of a verdict, as the stage makes it from the round that the trigger opens."""
    point = policy.points[verdict.decision_point]
    opened = _opened(verdict, policy, point, trigger, decision)
    if verdict.snapshot.profile_id:
        opened.profile_id = verdict.snapshot.profile_id
    candidates, place = point.board.candidates, _place(record) or (decision.partition, decision.step)
    activation = activation_id(opened, point.slot)
    return arbitrate.record(verdict, opened, candidates, activation, evidence, decision.previous_hash, place)


def _opened(verdict: Verdict, policy: Policy, point: Point, trigger: Event | None, decision: Decision) -> Round:
    """Return the round as its trigger opens it; one that is not kept any more as far as the head tells it."""
    if decision.trigger_type == deferrals.DEFERRAL:
        deferral = deferrals.recall(
            decision.trigger_event_id, decision.profile_id, point.name, decision.trigger_occurred_at
        )
        return deferrals.reopen(deferral, point, policy, [], decision.opened_at, 0)
    event = trigger or _trigger_of(decision, point)
    opened = propose.open_round(point, policy, event, NOWHERE, [], event.accepted_at, 0)
    if trigger is None:
        opened.round_id = verdict.decision_id
    return opened


def _trigger_of(decision: Decision, point: Point) -> Event:
    """Return the trigger as far as the head tells it."""
    return Event(
        decision.trigger_event_id, decision.profile_id, point.trigger, decision.trigger_occurred_at, "", {}, None, None,
        decision.opened_at, None,
    )  # fmt: skip


def _differences(
    policy: Policy, decision: Decision, made: Decision, verdict: Verdict, again: Verdict, record: Record
) -> list[Difference]:
    """Return what differs: of the evidence, whence it comes, and then of the head."""
    found = []
    if made.evidence != decision.evidence:
        found = [*compare_evidence(policy, verdict, again)] or [compare_bytes(decision.evidence, made.evidence)]
    found += [one for one in compare_heads(decision, made) if one.field != "hash"]  # it stands for the evidence
    return found or [compare_bytes(record.value, encode_decision(made))]
