"""From a bundle to a policy: one pass that finds every mistake, or the compiled whole."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Final
from zoneinfo import available_timezones

from streams.policy.board import Catalogue
from streams.policy.catalogue import Action, Surroundings, read_actions, read_contexts, read_priorities
from streams.policy.channels import DeliveryChannel, read_channels
from streams.policy.conflicts import INTENTS, Conflicts, read_conflicts
from streams.policy.contact import CALENDAR, ContactRule, read_contact
from streams.policy.events import EventType, read_events
from streams.policy.features import Features, compile_features
from streams.policy.models import Label, Model, read_models
from streams.policy.outcomes import OutcomeType, read_outcomes
from streams.policy.points import Point, check_point, make_point, read_points
from streams.policy.problems import PolicyRefused, Problem
from streams.policy.quantities import UNITS_MS, is_zone
from streams.policy.reading import Node, Record
from streams.policy.sampling import Exploration, Holdout, read_exploration, read_holdout

REQUIRED: Final = (
    "name", "currency", "zone", "events", "features", "delivery_channels", "categories", "actions", "models",
    "outcomes", "decision_points",
)  # fmt: skip
OPTIONAL: Final = ("contexts", "contact", "conflicts", "exploration", "holdout")
CALENDAR_MS: Final = dict(zip(CALENDAR, (2 * UNITS_MS["d"], 8 * UNITS_MS["d"], 32 * UNITS_MS["d"]), strict=True))


@dataclass(frozen=True, slots=True)
class Policy:
    """A compiled bundle."""

    hash: str  # SHA-256 of the bundle's canonical JSON, hex
    name: str
    currency: str
    zone: str
    events: dict[str, EventType]
    features: Features
    channels: dict[str, DeliveryChannel]
    categories: list[str]  # sorted
    actions: tuple[Action, ...]
    contact: tuple[ContactRule, ...]
    models: dict[str, Model]
    labels_by_event: dict[str, tuple[tuple[str, Label], ...]]  # (model, label)
    outcomes: dict[str, OutcomeType]
    outcomes_by_event: dict[str, tuple[OutcomeType, ...]]
    points: dict[str, Point]
    points_by_trigger: dict[str, tuple[Point, ...]]
    exploration: Exploration
    holdout: Holdout
    conflicts: Conflicts
    memory_ms: int  # how long a contact matters: the longest window of the contact rules
    attribution_ms: int  # how long a decision awaits its outcomes and labels, lateness included

    def outputs_of(self, model: Model) -> int:
        """Return how many outputs a model's answer has."""
        return len(self.categories) if model.by_category else 1


def bundle_hash(bundle: object) -> str:
    """Return the hash that names a bundle: SHA-256 of its canonical JSON (dates as ISO text), hex."""
    canonical = json.dumps(bundle, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()


def compile_policy(bundle: object) -> Policy:
    """Compile a bundle; raise PolicyRefused with all its problems, also where it is no mapping."""
    problems: list[Problem] = []
    root = Node(bundle, (), problems).record("bundle", REQUIRED, OPTIONAL)
    zone = _zone(root)

    def section(name: str, absent: object) -> Node:
        return root.fields.get(name) or Node(absent, (name,), problems)

    priorities = read_priorities(section("categories", {}))
    events = read_events(section("events", {}))
    categories = sorted(priorities)
    features = compile_features(
        section("features", {}).value, events, categories, problems, frozenset(available_timezones())
    )
    outcomes = read_outcomes(section("outcomes", {}), events)
    models = read_models(section("models", {}), events, features, outcomes)
    timers = [name for name, model in models.items() if model.role == "send_time"]
    channels = read_channels(section("delivery_channels", {}), timers)
    sketches = read_points(section("decision_points", {}), events, features, models)
    actions = read_actions(section("actions", []), Surroundings(zone, features, channels, outcomes, sketches))
    scopes = {
        "channel": channels,
        "category": categories,
        "intent": INTENTS,
        "action": [action.id for action in actions],
    }
    contact = read_contact(section("contact", []), scopes)
    conflicts = read_conflicts(root.fields.get("conflicts"))
    contexts = read_contexts(root.fields.get("contexts"), features)
    exploration = read_exploration(root.fields.get("exploration"))
    holdout = read_holdout(root.fields.get("holdout"))
    if root.has("decision_points") and not sketches:
        root.wrong("decision_points", "a policy without a decision point decides nothing")
    for sketch in sketches.values():
        check_point(sketch, actions, models, outcomes, channels)
    if problems:
        raise PolicyRefused(problems)

    catalogue = Catalogue(actions, channels, priorities, contact, conflicts, contexts, outcomes, features)
    points = {name: make_point(sketch, catalogue, models) for name, sketch in sketches.items()}
    labelled = [(name, model.label) for name, model in models.items() if model.label is not None]
    return Policy(
        bundle_hash(bundle),
        root.text("name"),
        root.text("currency"),
        zone,
        events,
        features,
        channels,
        categories,
        actions,
        contact,
        models,
        {event: tuple((name, label) for name, label in labelled if label.event == event) for event in events},
        outcomes,
        {event: tuple(outcome for outcome in outcomes.values() if outcome.event == event) for event in events},
        points,
        {event: tuple(point for point in points.values() if point.trigger == event) for event in events},
        exploration,
        holdout,
        conflicts,
        max((rule.rolling_ms or CALENDAR_MS[rule.calendar] for rule in contact), default=0),
        max(
            [outcome.window_ms + outcome.lateness_ms for outcome in outcomes.values()]
            + [label.window_ms + max(o.lateness_ms for o in outcomes.values()) for _, label in labelled]
        ),
    )


def _zone(root: Record) -> str:
    """Read the texts at the root; return the policy's time zone."""
    for field in ("name", "currency"):
        if root.has(field) and not root.text(field):
            root.wrong(field, "expected some text")
    zone = root.text("zone", "UTC")
    if not is_zone(zone):
        root.wrong("zone", f"expected an IANA time zone such as Europe/Paris, got {zone!r}")
        return "UTC"
    return zone
