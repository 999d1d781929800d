"""Stage 6 of 7 — attribute: the credit to the decision that earned it.

Reads   Event, open decisions.                          Writes  Outcome, Reward.
Keeps   open decisions, until their windows close.      Never   calls a reward final before its time.

Theory of operation.  Facts arrive out of order: an outcome may be here before the report that the touch which earned it
was delivered.  So an open decision collects every outcome that could be its own, and who gets the credit is settled
once, when the first of the candidates' windows (and the lateness allowed after it) has passed: the last touch delivered
before the outcome.  What is said before that is `pending`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from streams.ids import derive
from streams.policy import Candidate, OutcomeType, Policy
from streams.policy.models import Label
from streams.records import Event, Outcome, Reward
from streams.rows import OpenDecision, OpenDecisions, Round

OPEN_MAX: Final = 50  # decisions a person; three a day for the usual window
VALUE_MAX: Final = (1 << 63) - 1  # of a reward: micro-units in 64 bits
TOUCHES_MAX: Final = 32  # outcomes an open decision collects

Touch = list[Any]  # outcome, outcome_id, occurred_at, value_micro


def await_outcomes(
    opened: Round,
    policy: Policy,
    candidate: Candidate | None,
    activation_id: str,
    ghost: bool,
    q: int,
    decided_at: int,
) -> OpenDecision:
    """Return the open decision of a round that was decided.

    Its labels are about the action's category, or about a drawn one if there is no action.
    """
    categories = policy.categories
    category = candidate.category if candidate else categories[int(opened.round_id[:8], 16) % len(categories)]
    place = categories.index(category)
    answered = {name: answer for name, answer in opened.answers.items() if answer.status == "ok"}
    return OpenDecision(
        opened.round_id,
        opened.decision_point,
        activation_id if candidate else "",
        candidate.action_id if candidate else "",
        category,
        candidate.channel_id if candidate else "",
        int(ghost),
        q,
        opened.policy_hash,
        decided_at,
        0,
        decided_at + policy.attribution_ms,
        opened.features,
        {name: answer.version for name, answer in answered.items()},
        {name: one.outputs[place if policy.models[name].by_category else 0] for name, one in answered.items()},
    )


def hold(row: OpenDecisions, opened: OpenDecision) -> bool:
    """Await the outcomes of a decision; False if the person had so many open that the oldest is given up."""
    row.decisions.append(opened)
    if len(row.decisions) <= OPEN_MAX:
        return True
    del row.decisions[0]
    return False


def observe(row: OpenDecisions, event: Event, policies: Mapping[str, Policy]) -> bool:
    """Note on every open decision what this event means to it; tell whether it meant anything."""
    changed = False
    at = event.occurred_at
    about = event.properties.get("category")
    touches: dict[str, Touch] = {}  # by outcome, made when first needed: an id is a hash
    read_from = ""  # the hash of the policy whose labels and outcomes these are
    labels: tuple[tuple[str, Label], ...] = ()
    outcomes: tuple[OutcomeType, ...] = ()
    for opened in row.decisions:
        age = at - opened.decided_at
        if age <= 0:
            continue
        if opened.policy_hash != read_from:
            read_from = opened.policy_hash
            labels = policies[read_from].labels_by_event.get(event.type, ())
            outcomes = policies[read_from].outcomes_by_event.get(event.type, ())
        for model, label in labels:
            if age <= label.window_ms and (not label.match_category or about == opened.category):
                noted = opened.labels.get(model)
                if noted is None or at < noted[1]:
                    opened.labels[model] = [label.value_of(event.properties), at]
                    changed = True
        if not opened.action:
            continue
        for outcome in outcomes:
            if age > outcome.window_ms or (outcome.match_category and about != opened.category):
                continue
            if len(opened.touches) < TOUCHES_MAX:
                touch = touches.get(outcome.name) or touches.setdefault(outcome.name, _touch(outcome, event))
                opened.touches.append(touch)
                changed = True
    return changed


def _touch(outcome: OutcomeType, event: Event) -> Touch:
    value = event.properties.get(outcome.value_property) if outcome.value_property else 0
    return [
        outcome.name,
        derive("outcome", outcome.name, event.source, event.event_id),
        event.occurred_at,
        value if isinstance(value, int) else 0,
    ]


def outcomes_of(row: OpenDecisions, event: Event, policy: Policy) -> list[Outcome]:
    """Return what this event is as an outcome, for each outcome of the policy that an open decision collected."""
    found: list[Outcome] = []
    for outcome in policy.outcomes_by_event.get(event.type, ()):
        touch = _touch(outcome, event)
        if not any(touch in opened.touches for opened in row.decisions):
            continue
        winner = last_touch(row, touch)
        category = event.properties.get(outcome.category_property)
        found.append(
            Outcome(
                touch[1],
                event.profile_id,
                outcome.name,
                event.occurred_at,
                event.event_id,
                winner.decision_id if winner else None,
                winner.activation_id if winner else None,
                category if isinstance(category, str) else None,
                touch[3],
            )
        )
    return found


def last_touch(row: OpenDecisions, touch: Touch) -> OpenDecision | None:
    """Return the decision whose delivered treatment was the last before this outcome; a tie goes to the larger id."""
    candidates = [
        opened for opened in row.decisions if 0 < opened.delivered_at <= touch[2] and touch in opened.touches
    ]
    return max(candidates, key=lambda opened: (opened.delivered_at, opened.decision_id), default=None)


def deliver(row: OpenDecisions, activation_id: str, at: int) -> bool:
    """Note when a treatment was delivered; False if no open decision awaits that."""
    for opened in row.decisions:
        if opened.activation_id == activation_id and not opened.ghost and not opened.delivered_at:
            opened.delivered_at = at
            return True
    return False


def pending(row: OpenDecisions, outcome: Outcome) -> list[Reward]:
    """Return the provisional reward of the decision to which this outcome is credited as things stand, if any."""
    for opened in row.decisions:
        if opened.decision_id == outcome.decision_id:
            mine = [touch for touch in opened.touches if touch[0] == outcome.type and last_touch(row, touch) is opened]
            return [_reward(opened, outcome.profile_id, outcome.type, mine, "pending", outcome.occurred_at)]
    return []


def settle(row: OpenDecisions, opened: OpenDecision, profile_id: str, policy: Policy) -> list[Reward]:
    """Take a decision whose time has come off the row; return its final rewards.

    What it is credited with is nobody else's from then on. A ghost's are what happened without us, whoever earned it.
    """
    rewards: list[Reward] = []
    for name in policy.outcomes if opened.action else ():
        touches = [touch for touch in opened.touches if touch[0] == name]
        if not opened.ghost:
            touches = [touch for touch in touches if last_touch(row, touch) is opened]
            for other in row.decisions:
                if other is not opened and not other.ghost:
                    other.touches = [touch for touch in other.touches if touch not in touches]
        rewards.append(_reward(opened, profile_id, name, touches, "final", opened.until))
    row.decisions.remove(opened)
    return rewards


def _reward(
    opened: OpenDecision, profile_id: str, outcome: str, touches: list[Touch], status: str, at: int
) -> Reward:
    """Return what a decision has earned by these outcomes, as its next version."""
    version = opened.rewarded[outcome] = opened.rewarded.get(outcome, 0) + 1
    return Reward(
        derive("reward", opened.decision_id, outcome, str(version)),
        opened.decision_id,
        profile_id,
        outcome,
        version,
        status,
        opened.action,
        bool(opened.ghost),
        opened.q,
        len(touches),
        max(-VALUE_MAX, min(sum(touch[3] for touch in touches), VALUE_MAX)),
        opened.decided_at,
        at,
    )
