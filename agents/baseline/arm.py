"""One arm: what went out to whom, what of it contradicts what the person had heard lately, what it cost and brought."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from agents.simulate.shard import Witness
from agents.simulate.tally import Choice, choice_of
from streams.policy import Action, Policy
from streams.records import Activation, Decision, Outcome

WEEK_MS: Final = 7 * 86_400_000


class Contact(NamedTuple):
    """One thing that a person was told."""

    at: int
    action: Action
    activation_id: str


@dataclass
class Arm:
    """What one arm did in a window; times are the deployment's, money is in micro-units."""

    decisions: int = 0
    contacts: int = 0
    refused: int = 0  # what was decided, and could not be sent any more
    people: int = 0
    most: int = 0  # contacts with one person
    busiest_week: int = 0  # the most that one person was told in seven days
    conflicts: Counter[str] = field(default_factory=Counter)  # contacts that contradict an earlier one, by how
    conflicting: int = 0  # contacts with at least one of them
    ev_micro: int = 0
    cost_micro: int = 0
    conversions: int = 0
    value_micro: int = 0  # of the conversions
    failed: int = 0

    def add(self, other: Arm) -> None:
        """Take in what happened in another partition."""
        for name, value in vars(other).items():
            mine = getattr(self, name)
            setattr(self, name, max(mine, value) if name in ("most", "busiest_week") else mine + value)

    @property
    def conflict_rate(self) -> float:
        """Return the share of contacts that contradict an earlier one."""
        return self.conflicting / self.contacts if self.contacts else 0.0


def contradictions(policy: Policy, new: Contact, told: list[Contact], redeemed: Collection[str]) -> set[str]:
    """Return how a contact contradicts what was on offer to its person within the cool-off before it.

    told: the earlier contacts; what was taken up (`redeemed`) binds no more, and what offers nothing never did.
    """
    found: set[str] = set()
    since = new.at - policy.conflicts.cool_off_ms
    for old in told:
        if old.at <= since or not old.action.offer_days or old.activation_id in redeemed:
            continue
        one, other, conflicts = new.action, old.action, policy.conflicts
        same_line = bool(one.line) and one.line == other.line
        pair = (one.intent, other.intent)
        if one.group == other.group:
            found.add("the same again")
        if same_line and one.price != other.price:
            found.add("another price")
        if pair in conflicts.intents or (same_line and pair in conflicts.intents_on_one_line):
            found.add("intents")
    return found


class Observer(Witness):
    """Follows one partition of an arm; what counts as a conflict is what the coordinated policy says."""

    def __init__(self, policy: Policy, since: int, until: int) -> None:
        """Count what happens from an instant on and before another."""
        self.arm: Final = Arm()
        self._actions: Final = {action.id: action for action in policy.actions}
        self._policy: Final = policy
        self._since: Final = since
        self._until: Final = until
        self._told: Final[dict[str, list[Contact]]] = defaultdict(list)  # by person, oldest first
        self._choices: Final[dict[str, Choice]] = {}  # of decisions whose activation is not dispatched yet
        self._redeemed: Final[set[str]] = set()  # activations
        self._counted: Final[set[str]] = set()

    def decided(self, decision: Decision) -> None:
        """Take a decision."""
        self.arm.decisions += self._since <= decision.decided_at < self._until
        if decision.action is not None:
            self._choices[decision.decision_id] = choice_of(decision)

    def dispatched(self, at: int, sent: Activation, why: str) -> None:
        """Take what became of an activation."""
        choice = self._choices.pop(sent.decision_id)
        is_counted = self._since <= at < self._until
        if why:
            self.arm.refused += is_counted
            return
        contact = Contact(at, self._actions[sent.action], sent.activation_id)
        told = self._told[sent.profile_id]
        if is_counted:
            self._count(contact, told, choice)
        told.append(contact)

    def observed(self, outcome: Outcome) -> None:
        """Take what followed."""
        if outcome.activation_id is None:
            return
        if self._policy.outcomes[outcome.type].match_category:
            self._redeemed.add(outcome.activation_id)
        if outcome.activation_id in self._counted:
            self.arm.conversions += 1
            self.arm.value_micro += outcome.value_micro

    def finish(self, failed: int) -> Arm:
        """Return all of it."""
        arm = self.arm
        for told in self._told.values():
            at = [one.at for one in told if one.activation_id in self._counted]
            arm.people += bool(at)
            arm.most = max(arm.most, len(at))
            week = max((sum(begin <= one < begin + WEEK_MS for one in at) for begin in at), default=0)
            arm.busiest_week = max(arm.busiest_week, week)
        arm.failed = failed
        return arm

    def _count(self, contact: Contact, told: list[Contact], choice: Choice) -> None:
        arm = self.arm
        arm.contacts += 1
        arm.ev_micro += choice.ev_micro
        arm.cost_micro += choice.cost_micro
        self._counted.add(contact.activation_id)
        kinds = contradictions(self._policy, contact, told, self._redeemed)
        arm.conflicts.update(kinds)
        arm.conflicting += bool(kinds)
