"""Event types: the event catalogue of a policy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from streams.policy.reading import Node

PROPERTY_TYPES: Final = ("string", "int", "bool", "number", "money")
RESERVED: Final = (
    "activation_delivered", "activation_rejected", "activation_unknown", "activation_bounced", "activation_complained",
    "suppression_lifted", "erasure_requested", "deferral",
)  # fmt: skip  # what delivery channels report in every policy, and a trigger of our own


@dataclass(frozen=True, slots=True)
class EventType:
    """What an event of one type may say."""

    name: str
    properties: dict[str, str]  # name -> string | int | bool | number | money
    optional: frozenset[str]
    links: str  # property that names the canonical profile_id; "" = none


def read_events(node: Node) -> dict[str, EventType]:
    """Read the `events` section."""
    events: dict[str, EventType] = {}
    for name, entry in node.entries("event types", is_word=True):
        if name in RESERVED:
            entry.wrong("every policy has this event type: give yours another name")
        record = entry.record("event type", (), ("properties", "optional", "links"))
        properties: dict[str, str] = {}
        if record.has("properties"):
            for told, kind in record.fields["properties"].entries("types", is_word=True):
                properties[told] = kind.one_of("type", PROPERTY_TYPES)
        optional = record.fields["optional"].names("property", properties) if record.has("optional") else ()
        links = record.one_of("links", "property", properties)
        if links and (properties[links] != "string" or links in optional):
            record.wrong("links", f"{links} names the canonical profile: expected a required property of type string")
        events[name] = EventType(name, properties, frozenset(optional), links)
    return events
