"""A bundle as it is written, with what it leaves out put in."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from tests.oracle.words import DAY_MS, duration_ms, instant_ms, micro

Told = dict[str, Any]

CLASSES: Final = ("promo", "transactional")
STAGES: Final = ("eligibility", "applicability", "suitability")
CALENDAR_MS: Final = {"day": 2 * DAY_MS, "week": 8 * DAY_MS, "month": 32 * DAY_MS}  # how far back it may begin
SHOWN_MS: Final = 30 * DAY_MS
ACTION: Final[Told] = {
    "line": "", "price": "list", "tier": 1, "class": "promo", "eligibility": "", "applicability": "",
    "suitability": "", "offer_cost": 0, "lever": 1, "offer_days": 0,
}  # fmt: skip
CHANNEL: Final[Told] = {"threshold": 0, "contact_value": 0, "kappa": 0, "weight": 0, "consent": "", "delay_s": 0}


@dataclass(frozen=True)
class Candidate:
    """An action in one treatment."""

    place: int
    action: Told
    treatment: Told

    @cached_property
    def channel(self) -> str:
        return str(self.treatment["channel"])

    @cached_property
    def is_promo(self) -> bool:
        return bool(self.action["class"] == "promo")

    @cached_property
    def scopes(self) -> dict[str, str]:
        """Return its id in each scope of a contact rule."""
        action = self.action
        return {"global": "*", "channel": self.channel, "category": action["category"], "intent": action["intent"],
                "action": action["id"]}  # fmt: skip


@dataclass(frozen=True)
class Label:
    """What an example of a model is told about what followed."""

    kind: str  # outcome | absent | next
    event: str
    property: str
    by_category: bool
    window_ms: int
    is_money: bool


@dataclass
class Bundle:
    """One policy."""

    told: Told
    categories: list[str] = field(init=False)
    zone: str = field(init=False)
    outcomes: dict[str, Told] = field(init=False)
    channels: dict[str, Told] = field(init=False)
    rules: list[Told] = field(init=False)

    def __post_init__(self) -> None:
        self.categories = sorted(self.told["categories"])
        self.zone = self.told["zone"]
        self.outcomes = {name: {"lateness": "2d"} | told for name, told in self.told["outcomes"].items()}
        self.channels = {name: self._channel(told) for name, told in self.told["delivery_channels"].items()}
        usual = {"value": "*", "class": "*", "exempt": ["transactional"]}
        self.rules = [usual | rule for rule in self.told.get("contact", [])]

    def _channel(self, told: Told) -> Told:
        delay_s = told.get("delay_s", 0)
        return CHANNEL | {"lease_s": max(2 * delay_s, 3_600)} | told

    @cached_property
    def actions(self) -> list[Told]:
        return [ACTION | {"group": one["id"], "points": list(self.told["decision_points"])} | one
                for one in self.told["actions"]]  # fmt: skip

    def candidates(self, point: str) -> list[Candidate]:
        """Return the candidates of a decision point, in the catalogue's order."""
        pairs = [(a, {"content_cost": 0, "content": {}} | t) for a in self.actions if point in a["points"]
                 for t in a["treatments"]]  # fmt: skip
        return [Candidate(place, *pair) for place, pair in enumerate(pairs)]

    def models(self, point: str) -> dict[str, Told]:
        return {name: self.told["models"][name] for name in self.told["decision_points"][point]["models"]}

    def slot(self, point: str) -> str:
        return str(self.told["decision_points"][point].get("slot", point))

    @cached_property
    def feature_names(self) -> list[str]:
        """Return the names of the features, as the values stand."""
        found = []
        for name, told in sorted(self.told["features"].items()):
            found += [f"{name}.{category}" for category in self.categories] if "by" in told else [name]
        return found

    def inputs(self, model: str) -> list[int]:
        """Return where a model's inputs stand among the features."""
        found = []
        for name in self.told["models"][model]["inputs"]:
            own = [f"{name}.{category}" for category in self.categories]
            found += [self.feature_names.index(one) for one in (own if own[0] in self.feature_names else [name])]
        return found

    @cached_property
    def conflicts(self) -> Told:
        told = self.told.get("conflicts", {})
        pairs = {name: [set(pair) for pair in told.get(name, [])] for name in ("intents", "intents_on_one_line")}
        return {**pairs, "cool_off_ms": duration_ms(told.get("cool_off", "72h"))}

    @cached_property
    def exploration(self) -> Told:
        told: Told = self.told.get("exploration", {})
        return {"epsilon": 0, "delta": 0, "salt": "explore:v1"} | told

    @cached_property
    def holdout(self) -> tuple[str, int]:
        """Return the seed, and how many of 10,000 buckets are held out."""
        told = self.told.get("holdout", {"seed": "", "share": 0})
        return told["seed"], micro(told["share"], 10_000)

    def beta_ppm(self, outcome: str) -> int:
        return micro(self.outcomes[outcome].get("beta", 0.5))

    def redeemed_by(self, action: Told) -> str:
        """Return the outcome by which an action's offer costs something."""
        matching = [name for name in action["value"] if self.outcomes[name].get("match")]
        return str(action.get("redeemed_by", matching[0] if matching else ""))

    def valid(self, action: Told) -> tuple[int, int]:
        return instant_ms(str(action["valid_from"]), self.zone), instant_ms(str(action["valid_to"]), self.zone)

    @cached_property
    def memory_ms(self) -> int:
        """Return how long a contact is kept."""
        windows = [rule["window"] for rule in self.rules]
        spans = [CALENDAR_MS.get(one) or duration_ms(str(one).removeprefix("rolling:")) for one in windows]
        return max([SHOWN_MS, *spans])

    @cached_property
    def attribution_ms(self) -> int:
        """Return how long a decision awaits its outcomes and labels."""
        lateness = {name: duration_ms(told["lateness"]) for name, told in self.outcomes.items()}
        ends = [duration_ms(told["window"]) + lateness[name] for name, told in self.outcomes.items()]
        return max(ends + [label.window_ms + max(lateness.values()) for label in self.labels.values()])

    @cached_property
    def labels(self) -> dict[str, Label]:
        """Return the labels of the models that are told anything."""
        found = {name: self._label(told) for name, told in self.told["models"].items()}
        return {name: label for name, label in found.items() if label}

    def _label(self, model: Told) -> Label | None:
        told = model.get("label") or ({"outcome": model["outcome"]} if "outcome" in model else {})
        for kind in ("outcome", "absent"):
            if kind in told:
                outcome = self.outcomes[told[kind]]
                is_matched = bool(told.get("match")) if "label" in model else bool(model.get("by"))
                window_ms = duration_ms(str(told.get("window", outcome["window"])))
                return Label(kind, outcome["event"], "", is_matched, window_ms, is_money=False)
        if "next" not in told:
            return None
        event, _, name = told["next"].rpartition(".")
        longest = max(duration_ms(one["window"]) for one in self.outcomes.values())
        window_ms = duration_ms(told["window"]) if "window" in told else longest
        is_money = self.told["events"][event]["properties"][name] == "money"
        return Label("next", event, name, bool(told.get("match")), window_ms, is_money)
