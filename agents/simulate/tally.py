"""What two runs over the same events decided, side by side and decision by decision."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from streams.decision import unpack
from streams.records import Decision

EXAMPLES_MAX: Final = 20
SAME, OTHER, MORE, FEWER = "the same", "another action", "an action instead of none", "none instead of an action"
FATES: Final = (SAME, OTHER, MORE, FEWER)


@dataclass(frozen=True, slots=True)
class Choice:
    """What one run decided: as much of a decision as is compared."""

    decision_id: str
    profile_id: str
    opened_at: int
    policy_hash: str
    source: str  # best | explore | holdout | deferred | none
    action: str  # "" = none went out
    treatment: str
    delivery_channel: str
    reason: str  # why none did
    score_micro: int
    ev_micro: int  # of what went out
    cost_micro: int
    is_degraded: bool

    @property
    def said(self) -> str:
        """The choice in a few words."""
        return self.treatment or f"none ({self.reason})"


def choice_of(decision: Decision) -> Choice:
    """Return what is compared of a decision; what it read of the person stays sealed."""
    verdict = unpack(decision.evidence, None)
    acted = verdict.chosen >= 0
    at = verdict.scored.index(verdict.chosen) if acted else 0
    return Choice(
        decision.decision_id, decision.profile_id, decision.opened_at, decision.policy_hash, decision.source,
        (decision.action if acted else "") or "", (decision.treatment if acted else "") or "",
        (decision.delivery_channel if acted else "") or "", decision.reason or "", decision.score_micro,
        verdict.ev_micro[at] if acted else 0, verdict.cost_micro[at] if acted else 0,
        any(flag.startswith("degraded:") for flag in decision.flags),
    )  # fmt: skip


@dataclass
class Side:
    """One run, counted."""

    decisions: int = 0
    sources: Counter[str] = field(default_factory=Counter)
    actions: Counter[str] = field(default_factory=Counter)
    channels: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    contacts: Counter[str] = field(default_factory=Counter)  # by person
    ev_micro: int = 0
    cost_micro: int = 0
    degraded: int = 0

    def take(self, choice: Choice) -> None:
        """Count a decision."""
        self.decisions += 1
        self.sources[choice.source] += 1
        self.degraded += choice.is_degraded
        if not choice.action:
            self.reasons[choice.reason] += 1
            return
        self.actions[choice.action] += 1
        self.channels[choice.delivery_channel] += 1
        self.contacts[choice.profile_id] += 1
        self.ev_micro += choice.ev_micro
        self.cost_micro += choice.cost_micro


    def add(self, other: Side) -> None:
        """Count what another has counted."""
        for name, value in vars(other).items():
            mine = getattr(self, name)
            setattr(self, name, mine + value)


@dataclass(frozen=True, slots=True)
class Change:
    """One decision that came out otherwise."""

    fate: str
    recorded: Choice
    simulated: Choice


@dataclass
class Tally:
    """Both runs."""

    recorded: Side = field(default_factory=Side)
    simulated: Side = field(default_factory=Side)
    fates: Counter[str] = field(default_factory=Counter)  # of the decisions that both made
    only_recorded: int = 0
    only_simulated: int = 0
    changes: list[Change] = field(default_factory=list)  # the first of them

    def compare(self, recorded: Choice | None, simulated: Choice | None) -> None:
        """Count a decision that one run made, or both."""
        if recorded is not None:
            self.recorded.take(recorded)
        if simulated is not None:
            self.simulated.take(simulated)
        if recorded is None or simulated is None:
            self.only_recorded += simulated is None
            self.only_simulated += recorded is None
            return
        fate = _fate(recorded, simulated)
        self.fates[fate] += 1
        if fate != SAME and len(self.changes) < EXAMPLES_MAX:
            self.changes.append(Change(fate, recorded, simulated))


    def add(self, other: Tally) -> None:
        """Count what another has counted."""
        self.recorded.add(other.recorded)
        self.simulated.add(other.simulated)
        self.fates += other.fates
        self.only_recorded += other.only_recorded
        self.only_simulated += other.only_simulated
        self.changes = (self.changes + other.changes)[:EXAMPLES_MAX]


def _fate(recorded: Choice, simulated: Choice) -> str:
    if (recorded.action, recorded.treatment) == (simulated.action, simulated.treatment):
        return SAME
    if not recorded.action:
        return MORE
    return OTHER if simulated.action else FEWER
