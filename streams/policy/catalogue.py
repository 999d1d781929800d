"""The catalogue: actions, their treatments, and who may be considered for them."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from streams.policy.channels import DeliveryChannel
from streams.policy.conflicts import COMMERCIAL, INTENTS
from streams.policy.contact import CLASSES
from streams.policy.expression import ConditionError, Term, parse
from streams.policy.features import Features
from streams.policy.outcomes import OutcomeType
from streams.policy.quantities import PPM, instant_ms
from streams.policy.reading import MONEY_MAX, Node, Record

ENGAGEMENT: Final = ("eligibility", "applicability", "suitability")
OFFER_DAYS_MAX: Final = 366
PRIORITY_MAX: Final = 1_000
LEVER_PPM_MIN: Final = PPM // 2
LEVER_PPM_MAX: Final = 2 * PPM
PERCENT_MAX: Final = 100

_PRICE: Final = re.compile(r"list|discount:([1-9]\d{0,3}|10000)")


@dataclass(frozen=True, slots=True)
class Treatment:
    """One concrete form of an action on one delivery channel."""

    id: str
    channel: str
    content_cost_micro: int
    content: dict[str, str]


@dataclass(frozen=True, slots=True)
class Action:
    """Something we may do for a person."""

    id: str
    category: str
    intent: str
    line: str  # product line; "" = none
    price: str  # list | discount:<depth in bp>
    group: str  # of which a person has at most one on offer
    tier: int  # 0 = legal, safety, service-critical
    klass: str  # promo | transactional
    valid_from: int
    valid_to: int
    conditions: tuple[str, str, str]  # eligibility, applicability, suitability, as written
    terms: tuple[tuple[Term, ...], ...]  # the same, parsed
    values_micro: dict[str, int]  # by outcome, before incrementality
    offer_cost_micro: int
    redeemed_by: str  # the outcome that makes the offer cost something; "" = none
    lever_ppm: int
    offer_days: int  # how long it is on offer after delivery; 0 = it offers nothing
    points: tuple[str, ...]
    treatments: tuple[Treatment, ...]
    owner: str = ""  # who answers for it


@dataclass(frozen=True, slots=True)
class Context:
    """A circumstance in which a category matters more or less."""

    when: str
    category: str
    ppm: int
    terms: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a catalogue refers to."""

    zone: str
    features: Features
    channels: dict[str, DeliveryChannel]
    outcomes: dict[str, OutcomeType]
    points: Collection[str]


def read_priorities(node: Node) -> dict[str, int]:
    """Read the `categories` section: their priorities, by category."""
    return {
        name: entry.record("category", (), ("priority",)).whole("priority", 0, -PRIORITY_MAX, PRIORITY_MAX)
        for name, entry in node.entries("categories", is_word=True)
    }


def read_condition(record: Record, field: str, features: Features, category: str) -> tuple[str, tuple[Term, ...]]:
    """Read a condition; the terms of none are none."""
    text = record.text(field)
    if not text.strip():
        return "", ()
    try:
        return text, parse(text, features, category)
    except ConditionError as error:
        record.wrong(field, str(error))
        return text, ()


def read_contexts(node: Node | None, features: Features) -> tuple[Context, ...]:
    """Read the `contexts` section."""
    contexts: list[Context] = []
    for item in node.items("contexts") if node is not None else ():
        record = item.record("context", ("when", "category", "percent"), ())
        category = record.one_of("category", "category", features.categories)
        if record.text("when", "-").strip() == "":
            record.wrong("when", "expected a condition")
        when, terms = read_condition(record, "when", features, category)
        percent = record.whole("percent", 0, -PERCENT_MAX, PERCENT_MAX)
        contexts.append(Context(when, category, percent * PPM // 100, terms))
    return tuple(contexts)


def read_actions(node: Node, around: Surroundings) -> tuple[Action, ...]:
    """Read the `actions` section."""
    actions: list[Action] = []
    treatments: set[str] = set()
    nodes = node.items("actions")
    if not nodes and isinstance(node.value, list):
        node.wrong("the catalogue is empty: no person would ever get anything")
    for item in nodes:
        action = _action(item, around)
        if action.id and any(action.id == other.id for other in actions):
            item.wrong(f"another action is called {action.id!r}")
        for index, treatment in enumerate(action.treatments):
            if treatment.id and treatment.id in treatments:
                item.child("treatments").child(index).wrong(f"another treatment is called {treatment.id!r}")
            treatments.add(treatment.id)
        actions.append(action)
    return tuple(actions)


def _action(item: Node, around: Surroundings) -> Action:
    required = ("id", "category", "intent", "valid_from", "valid_to", "value", "treatments")
    optional = (
        "line",
        "price",
        "group",
        "tier",
        "class",
        *ENGAGEMENT,
        "offer_cost",
        "redeemed_by",
        "lever",
        "offer_days",
        "points",
        "owner",
    )
    record = item.record("action", required, optional)
    identity = record.identity("id")
    category = record.one_of("category", "category", around.features.categories)
    intent = record.one_of("intent", "intent", INTENTS)
    klass = record.one_of("class", "class", CLASSES, "promo")
    tier = record.whole("tier", 1, 0, 1)
    if tier == 0 and (klass == "promo" or intent in COMMERCIAL):
        record.wrong("tier", "a commercial action is never tier 0 (legal, safety, service-critical)")
    price = record.text("price", "list")
    if not _PRICE.fullmatch(price):
        record.wrong("price", f"expected list or discount:<depth in bp, 1 to 10000>, got {price!r}")
    valid_from, valid_to = _instant(record, "valid_from", around.zone), _instant(record, "valid_to", around.zone)
    if valid_from is not None and valid_to is not None and valid_from >= valid_to:
        record.wrong("valid_to", "expected an instant after valid_from")
    conditions = [read_condition(record, stage, around.features, category) for stage in ENGAGEMENT]
    values = _values(record, around)
    offer_cost = record.money("offer_cost")
    return Action(
        identity,
        category,
        intent,
        record.text("line"),
        price,
        record.text("group") or identity,
        tier,
        klass,
        valid_from or 0,
        valid_to or 1,
        (conditions[0][0], conditions[1][0], conditions[2][0]),
        tuple(terms for _, terms in conditions),
        values,
        offer_cost,
        _redeemed_by(record, values, around.outcomes) if offer_cost else "",
        record.ppm("lever", PPM, LEVER_PPM_MIN, LEVER_PPM_MAX),
        record.whole("offer_days", 0, 0, OFFER_DAYS_MAX),
        record.fields["points"].names("decision point", around.points)
        if record.has("points")
        else tuple(around.points),
        _treatments(record, around.channels),
        record.text("owner"),
    )


def _instant(record: Record, field: str, zone: str) -> int | None:
    node = record.fields.get(field)
    if node is None:
        return None
    read = instant_ms(node.value, zone)
    if read is None:
        node.wrong(f"expected a date or a date and time in ISO 8601, got {node.value!r}")
    return read


def _values(record: Record, around: Surroundings) -> dict[str, int]:
    """Read what each outcome is worth; by name, so that the order in the bundle means nothing."""
    if not record.has("value"):
        return {}
    node = record.fields["value"]
    told = node.record("value by outcome", (), tuple(around.outcomes))
    if node.value == {}:
        node.wrong("expected at least one outcome and what it is worth")
    for name in told.fields:
        if around.outcomes[name].loses_contact:
            told.wrong(name, "a lost contact costs what the delivery channel says (contact_value)")
    return {name: told.money(name, low=-MONEY_MAX) for name in sorted(told.fields)}


def _redeemed_by(record: Record, values: dict[str, int], outcomes: dict[str, OutcomeType]) -> str:
    """Return the outcome that redeems the offer: the one named, else the only one that matches the category."""
    if record.has("redeemed_by"):
        return record.one_of("redeemed_by", "outcome with a value here", values)
    matching = [name for name in values if outcomes[name].match_category]
    if len(matching) == 1:
        return matching[0]
    record.wrong("offer_cost", "say which outcome redeems the offer (redeemed_by): no single one matches the category")
    return ""


def _treatments(record: Record, channels: dict[str, DeliveryChannel]) -> tuple[Treatment, ...]:
    if not record.has("treatments"):
        return ()
    found: list[Treatment] = []
    nodes = record.fields["treatments"].items("treatments")
    if not nodes:
        record.wrong("treatments", "an action needs at least one treatment: nobody could get it")
    for node in nodes:
        told = node.record("treatment", ("id", "channel"), ("content_cost", "content"))
        content: dict[str, str] = {}
        if told.has("content"):
            for name, part in told.fields["content"].entries("texts"):
                if not isinstance(part.value, str):
                    part.wrong(f"expected text, got {part.value!r}")
                content[name] = str(part.value)
        found.append(
            Treatment(
                told.identity("id"),
                told.one_of("channel", "delivery channel", channels),
                told.money("content_cost"),
                content,
            )
        )
    return tuple(found)
