"""Stage 6 of 7 — attribute: the credit to the decision that earned it.

Reads   Event, open decisions.                          Writes  Outcome, Reward.
Keeps   open decisions, until their windows close.      Never   calls a reward final before its time.

Theory of operation.  Facts arrive out of order: an outcome may be here before the report that the touch which earned it was delivered.  So an
open decision collects every outcome that could be its own, and who gets the credit is settled once, when the first of the candidates' windows
(and the lateness allowed after it) has passed: the last touch delivered before the outcome.  What is said before that is `pending`.
"""

from __future__ import annotations

from typing import Final

from streams.ids import derive
from streams.policy import Candidate, OutcomeType, Policy
from streams.records import Event, Outcome, Reward
from streams.rows import OpenDecision, OpenDecisions, Round

OPEN_MAX: Final = 50  # decisions a person; three a day for the usual window
TOUCHES_MAX: Final = 32  # outcomes an open decision collects


def await_outcomes(opened: Round, policy: Policy, candidate: Candidate | None, *, ghost: bool, q: int, activation_id: str, decided_at: int) -> OpenDecision:  # fmt: skip
    """Return the open decision of a round that was decided; its labels are about the action's category, or about a drawn one if there is none."""
    category = candidate.category if candidate else policy.categories[int(opened.round_id[:8], 16) % len(policy.categories)]
    place = policy.categories.index(category)
    answered = {name: answer for name, answer in opened.answers.items() if answer.status == "ok"}
    return OpenDecision(
        opened.round_id, opened.decision_point, activation_id if candidate else "", candidate.action_id if candidate else "", category,
        candidate.channel_id if candidate else "", int(ghost), q, opened.policy_hash, decided_at, 0, decided_at + policy.attribution_ms,
        opened.features, {name: answer.version for name, answer in answered.items()},
        {name: answer.outputs[place if policy.models[name].by_category else 0] for name, answer in answered.items()},
    )  # fmt: skip


def observe(row: OpenDecisions, event: Event, policies: dict[str, Policy]) -> bool:
    """Note on every open decision what this event means to it; tell whether it meant anything."""
    changed = False
    at = event.occurred_at
    for opened in row.decisions:
        age = at - opened.decided_at
        if age <= 0:
            continue
        policy = policies[opened.policy_hash]
        for model, label in policy.labels_by_event.get(event.type, ()):
            if age <= label.window_ms and (not label.match_category or event.properties.get("category") == opened.category):
                noted = opened.labels.get(model)
                if noted is None or at < noted[1]:
                    opened.labels[model] = [label.value_of(event.properties), at]
                    changed = True
        if opened.action:
            for outcome in policy.outcomes_by_event.get(event.type, ()):
                changed |= _touch(opened, outcome, event, age)
    return changed


def _touch(opened: OpenDecision, outcome: OutcomeType, event: Event, age: int) -> bool:
    if age > outcome.window_ms or len(opened.touches) >= TOUCHES_MAX:
        return False
    if outcome.match_category and event.properties.get(outcome.category_property) != opened.category:
        return False
    opened.touches.append([outcome.name, event.event_id, event.occurred_at, _value(outcome, event)])
    return True


def _value(outcome: OutcomeType, event: Event) -> int:
    value = event.properties.get(outcome.value_property) if outcome.value_property else 0
    return value if isinstance(value, int) else 0


def last_touch(row: OpenDecisions, touch: list[object]) -> OpenDecision | None:
    """Return the decision whose delivered treatment was the last before this outcome; a tie goes to the larger id."""
    best: OpenDecision | None = None
    for opened in row.decisions:
        if 0 < opened.delivered_at <= touch[2] and not opened.ghost and touch in opened.touches:  # type: ignore[operator]  # touch[2] is an instant
            if best is None or (opened.delivered_at, opened.decision_id) > (best.delivered_at, best.decision_id):
                best = opened
    return best


def outcomes_of(row: OpenDecisions, event: Event, policy: Policy) -> list[Outcome]:
    """Return what this event is as an outcome, for each outcome of the policy that an open decision could have earned."""
    found: list[Outcome] = []
    for outcome in policy.outcomes_by_event.get(event.type, ()):
        touch = [outcome.name, event.event_id, event.occurred_at, _value(outcome, event)]
        if any(touch in opened.touches for opened in row.decisions):
            winner = last_touch(row, touch)
            category = event.properties.get(outcome.category_property)
            found.append(Outcome(
                derive("outcome", outcome.name, event.source, event.event_id), event.profile_id, outcome.name, event.occurred_at, event.event_id,
                winner.decision_id if winner else None, winner.activation_id if winner else None,
                category if isinstance(category, str) else None, _value(outcome, event),
            ))  # fmt: skip
    return found


def reward(opened: OpenDecision, profile_id: str, outcome: str, touches: list[list[object]], status: str, at: int) -> Reward:
    """Return what a decision has earned by these outcomes."""
    version = len(touches) + (status == "final")
    return Reward(
        derive("reward", opened.decision_id, outcome, str(version)), opened.decision_id, profile_id, outcome, version, status,
        opened.action, bool(opened.ghost), opened.q, len(touches), sum(t[3] for t in touches), opened.decided_at, at,  # type: ignore[misc]  # t[3] is an amount
    )  # fmt: skip


def pending(row: OpenDecisions, outcome: Outcome) -> Reward | None:
    """Return the provisional reward of the decision to which this outcome is credited as things stand."""
    for opened in row.decisions:
        if opened.decision_id == outcome.decision_id:
            mine = [t for t in opened.touches if t[0] == outcome.type and last_touch(row, t) is opened]
            return reward(opened, outcome.profile_id, outcome.type, mine, "pending", outcome.occurred_at)
    return None


def settle(row: OpenDecisions, opened: OpenDecision, profile_id: str, policy: Policy) -> list[Reward]:
    """Take a decision whose time has come off the row; return its final rewards (a ghost's are what happened without us)."""
    rewards: list[Reward] = []
    if opened.action:
        for name in policy.outcomes:
            touches = [t for t in opened.touches if t[0] == name]
            mine = touches if opened.ghost else [t for t in touches if last_touch(row, t) is opened]
            rewards.append(reward(opened, profile_id, name, mine, "final", opened.until))
            if not opened.ghost:
                for other in row.decisions:
                    if other is not opened:
                        other.touches = [t for t in other.touches if t not in mine]
    row.decisions.remove(opened)
    return rewards


def hold(row: OpenDecisions, opened: OpenDecision) -> bool:
    """Await the outcomes of a decision; False if the person had so many open that the oldest is given up."""
    row.decisions.append(opened)
    if len(row.decisions) <= OPEN_MAX:
        return True
    del row.decisions[0]
    return False
