"""Decision points: what asks for a choice, whom it asks, and what it may choose from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from streams.policy.board import Board, Catalogue
from streams.policy.catalogue import Action, read_condition
from streams.policy.channels import DeliveryChannel
from streams.policy.events import EventType
from streams.policy.expression import Term, compile_refused
from streams.policy.features import Features
from streams.policy.models import Model
from streams.policy.outcomes import OutcomeType
from streams.policy.reading import Node, Record
from streams.records import Feature

MayOpen = Callable[[list[Feature]], bool]


@dataclass(frozen=True, slots=True)
class Sketch:
    """A decision point as it is declared."""

    name: str
    trigger: str
    when: str
    terms: tuple[Term, ...]
    slot: str
    models: tuple[str, ...]
    record: Record
    owner: str


@dataclass(frozen=True, slots=True)
class Point:
    """A decision point."""

    name: str
    trigger: str  # event type
    when: str  # condition on the person, as written; "" = always
    may_open: MayOpen  # tells whether a person with these features is asked about at all
    slot: str  # the place that its treatments fill
    models: tuple[Model, ...]
    board: Board
    owner: str = ""  # who answers for it


def read_points(
    node: Node, events: dict[str, EventType], features: Features, models: dict[str, Model]
) -> dict[str, Sketch]:
    """Read the `decision_points` section."""
    sketches: dict[str, Sketch] = {}
    for name, entry in node.entries("decision points"):
        record = entry.record("decision point", ("trigger", "models"), ("when", "slot", "owner"))
        when, terms = read_condition(record, "when", features, "")
        asked = record.fields["models"].names("model", models) if record.has("models") else ()
        slot = record.identity("slot", name)
        trigger = record.one_of("trigger", "event type", events)
        sketches[name] = Sketch(name, trigger, when, terms, slot, asked, record, record.text("owner"))
    return sketches


def check_point(
    sketch: Sketch,
    actions: tuple[Action, ...],
    models: Mapping[str, Model],
    outcomes: Mapping[str, OutcomeType],
    channels: Mapping[str, DeliveryChannel],
) -> None:
    """Note what would silently never happen, or be counted twice, at a decision point."""
    asked = [models[name] for name in sketch.models]
    given = [model.outcome for model in asked if model.outcome]
    for outcome in sorted({outcome for outcome in given if given.count(outcome) > 1}):
        sketch.record.wrong("models", f"two models give {outcome!r}: its value would be counted twice")
    if sum(model.role == "meta" for model in asked) > 1:
        sketch.record.wrong("models", "expected at most one meta-model")
    for model in asked:
        outcome_type = outcomes.get(model.outcome)  # what is none is told already
        if model.by_category and outcome_type is not None and outcome_type.loses_contact:
            sketch.record.wrong("models", f"{model.name} answers by category, but a contact is lost for all of them")
    here = [action for action in actions if sketch.name in action.points]
    if not here:
        sketch.record.node.wrong("no action is on offer at this decision point")
    spoken_on = {treatment.channel for action in here for treatment in action.treatments}
    moved = {channel.send_time for name, channel in channels.items() if name in spoken_on}
    for model in asked:
        if model.role == "send_time" and model.name not in moved:
            sketch.record.wrong("models", f"{model.name} moves nothing: it is send_time of no delivery channel here")
    for outcome in sorted({name for action in here for name in action.values_micro} - set(given)):
        example = next(action.id for action in here if outcome in action.values_micro)
        sketch.record.wrong(
            "models", f"no model here gives {outcome!r}, but actions such as {example!r} are valued by it"
        )


def make_point(sketch: Sketch, catalogue: Catalogue, models: Mapping[str, Model]) -> Point:
    """Compile a decision point of a policy that has no problems."""
    asked = tuple(models[name] for name in sketch.models)
    unmet: Final = compile_refused(dict.fromkeys(sketch.terms, 1))
    return Point(
        sketch.name,
        sketch.trigger,
        sketch.when,
        lambda values: not unmet(values),
        sketch.slot,
        asked,
        Board(sketch.name, catalogue, asked),
        sketch.owner,
    )
