"""Credit: which decisions an event is an outcome of, who gets it, and what models are told in the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from tests.oracle.bundle import Bundle, Candidate, Told
from tests.oracle.deferrals import activation_of
from tests.oracle.words import derived, duration_ms

OPEN_MAX: Final = 50
TOUCHES_MAX: Final = 32
PPB: Final = 10**9
MICRO: Final = 10**6


class Touch(NamedTuple):
    """An outcome, as a decision collects it."""

    outcome: str
    outcome_id: str
    at: int
    value: int


@dataclass
class Open:
    """A decision whose outcomes are awaited."""

    decision: Told  # its head
    action: str  # what was decided on, or would have been; "" = nothing
    category: str  # that its labels are about
    is_ghost: bool
    until: int
    features: list[Any]
    versions: dict[str, str]  # of the models that answered
    outputs: dict[str, int]  # theirs about the category
    activation_id: str  # of what goes out, or would have; "" = nothing
    delivered_at: int = 0
    labels: dict[str, tuple[int, int]] = field(default_factory=dict)  # model -> what followed, when
    touches: list[Touch] = field(default_factory=list)
    rewarded: dict[str, int] = field(default_factory=dict)  # outcome -> rewards told of it

    @property
    def identity(self) -> str:
        return str(self.decision["decision_id"])


class Credit:
    """The open decisions of one person."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle: Final = bundle
        self.open: list[Open] = []

    def await_outcomes(
        self, decision: Told, winner: Candidate | None, features: list[Any], answers: dict[str, tuple[str, list[int]]]
    ) -> Open:
        """Begin to await what follows a decision; answers: of the models that answered, version and outputs."""
        bundle = self._bundle
        drawn = int(decision["decision_id"][:8], 16) % len(bundle.categories)
        category = winner.action["category"] if winner else bundle.categories[drawn]
        place = bundle.categories.index(category)
        slot = bundle.slot(decision["decision_point"])
        opened = Open(
            decision, winner.action["id"] if winner else "", category, decision["ghost_action"] is not None,
            decision["decided_at"] + bundle.attribution_ms, features,
            {name: version for name, (version, _) in answers.items()},
            {
                name: outputs[place if bundle.told["models"][name].get("by") else 0]
                for name, (_, outputs) in answers.items()
            },
            activation_of(decision, slot) if winner else "",
        )  # fmt: skip
        self.open = [*self.open, opened][-OPEN_MAX:]
        return opened

    def deliver(self, activation_id: str, at: int) -> None:
        """Take it that what a decision sent was delivered."""
        for one in self.open:
            if one.activation_id == activation_id and not one.is_ghost and not one.delivered_at:
                one.delivered_at = at
                return

    def observe(self, event: Told, properties: Told) -> list[tuple[Told, list[Told]]]:
        """Take an event; return the outcomes that it is, each with the rewards that are pending for it."""
        kind, at = event["type"], event["occurred_at"]
        mine = {name: told for name, told in self._bundle.outcomes.items() if told["event"] == kind}
        touches = {name: self._touch(name, told, event, properties) for name, told in mine.items()}
        collected: set[str] = set()
        for one in self.open:
            age = at - one.decision["decided_at"]
            if age <= 0:
                continue
            self._label(one, kind, at, age, properties)
            for name, told in mine.items():
                is_about = not told.get("match") or properties.get("category") == one.category
                if one.action and is_about and age <= duration_ms(told["window"]) and len(one.touches) < TOUCHES_MAX:
                    one.touches.append(touches[name])
                    collected.add(name)
        return [self._outcome(event, name, touches[name], properties) for name in mine if name in collected]

    def winner(self, touch: Touch) -> Open | None:
        """Return the decision whose delivered treatment was the last before an outcome."""
        found = [one for one in self.open if 0 < one.delivered_at <= touch.at and touch in one.touches]
        return max(found, key=lambda one: (one.delivered_at, one.identity), default=None)

    def close(self, one: Open) -> tuple[list[Told], list[Told]]:
        """Take it that a decision's time has come; return its final rewards, and what models are told of it."""
        rewards = []
        for name in self._bundle.outcomes if one.action else ():
            touches = [touch for touch in one.touches if touch.outcome == name]
            if not one.is_ghost:
                touches = [touch for touch in touches if self.winner(touch) is one]
                for other in self.open:
                    if other is not one and not other.is_ghost:
                        other.touches = [touch for touch in other.touches if touch not in touches]
            rewards.append(self._reward(one, name, touches, "final", one.until))
        self.open.remove(one)
        models = self._bundle.models(one.decision["decision_point"])
        examples = [self._example(one, name, told) for name, told in models.items()]
        return rewards, [example for example in examples if example]

    def _label(self, one: Open, kind: str, at: int, age: int, properties: Told) -> None:
        for model, label in self._bundle.labels.items():
            is_about = not label.by_category or properties.get("category") == one.category
            if label.event == kind and age <= label.window_ms and is_about:
                value = properties.get(label.property, 0) if label.kind == "next" else 1
                if model not in one.labels or at < one.labels[model][1]:
                    one.labels[model] = (value, at)

    def _touch(self, name: str, told: Told, event: Told, properties: Told) -> Touch:
        value = properties.get(told["value"], 0) if "value" in told else 0
        identity = derived("outcome", name, event["source"], event["event_id"])
        return Touch(name, identity, event["occurred_at"], value)

    def _outcome(self, event: Told, name: str, touch: Touch, properties: Told) -> tuple[Told, list[Told]]:
        winner = self.winner(touch)
        outcome = {
            "outcome_id": touch.outcome_id, "profile_id": event["profile_id"], "type": name, "occurred_at": touch.at,
            "event_id": event["event_id"], "decision_id": winner.identity if winner else None,
            "activation_id": winner.activation_id if winner else None, "category": properties.get("category"),
            "value_micro": touch.value,
        }  # fmt: skip
        if winner is None:
            return outcome, []
        mine = [one for one in winner.touches if one.outcome == name and self.winner(one) is winner]
        return outcome, [self._reward(winner, name, mine, "pending", touch.at)]

    @staticmethod
    def _reward(one: Open, name: str, touches: list[Touch], status: str, at: int) -> Told:
        version = one.rewarded[name] = one.rewarded.get(name, 0) + 1
        decision = one.decision
        return {
            "reward_id": derived("reward", one.identity, name, str(version)), "decision_id": one.identity,
            "profile_id": decision["profile_id"], "outcome": name, "version": version, "status": status,
            "action": one.action, "ghost": one.is_ghost, "q": decision["q"], "outcomes": len(touches),
            "value_micro": sum(touch.value for touch in touches), "decided_at": decision["decided_at"],
            "rewarded_at": at,
        }  # fmt: skip

    def _example(self, one: Open, name: str, model: Told) -> Told | None:
        label = self._bundle.labels.get(name)
        noted = one.labels.get(name)
        if label is None or (label.kind == "next" and noted is None):
            return None
        told: float = 0.0
        if label.kind == "next" and noted is not None:
            told = noted[0] / MICRO if label.is_money else float(noted[0])
        elif label.kind != "next":
            told = float((noted is None) == (label.kind == "absent"))
        output = one.outputs.get(name)
        decision = one.decision
        return {
            "example_id": derived("example", one.identity, name), "model": name, "version": one.versions.get(name, ""),
            "decision_id": one.identity, "profile_id": decision["profile_id"],
            "key": one.category if model.get("by") else None, "action": one.action or None, "ghost": one.is_ghost,
            "q": decision["q"], "features": [one.features[place] for place in self._bundle.inputs(name)],
            "output": None if output is None else output / (PPB if model["gives"] == "propensity" else MICRO),
            "label": told, "decided_at": decision["decided_at"], "final_at": one.until,
            "policy_hash": decision["policy_hash"],
        }  # fmt: skip
