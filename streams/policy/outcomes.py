"""Outcomes: what is observed afterwards, and what it is worth that we caused it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from streams.policy.events import EventType
from streams.policy.quantities import PPM, UNITS_MS
from streams.policy.reading import Node
from streams.policy.series import KEY

BETA_PPM: Final = PPM // 2  # assumed until a holdout has been read; decisions say so
LATENESS_MS: Final = 2 * UNITS_MS["d"]


@dataclass(frozen=True, slots=True)
class OutcomeType:
    """One kind of outcome."""

    name: str
    event: str  # the event type that is this outcome
    match_category: bool  # only an event about the action's category counts
    category_property: str
    value_property: str  # money; "" = none
    window_ms: int
    lateness_ms: int
    beta_ppm: int  # incrementality: the share of such outcomes that would not happen by themselves
    is_beta_assumed: bool
    loses_contact: bool  # after it we may not speak on that delivery channel any more
    cool_down_ms: int  # after it its category rests (all of them, where no category matches); 0 = it does not


def read_outcomes(node: Node, events: dict[str, EventType]) -> dict[str, OutcomeType]:
    """Read the `outcomes` section."""
    outcomes: dict[str, OutcomeType] = {}
    optional = ("match", "value", "lateness", "beta", "loses_contact", "cool_down")
    for name, entry in node.entries("outcomes"):
        record = entry.record("outcome", ("event", "window"), optional)
        event = record.one_of("event", "event type", events)
        properties = events[event].properties if event else {}
        match = record.one_of("match", "property to match", (KEY,))
        if match and event and properties.get(KEY) != "string":
            record.wrong("match", f"{event} has no property {KEY} of type string")
        value = record.one_of("value", "property", properties) if event else ""
        if value and properties[value] != "money":
            record.wrong("value", f"{value} is a {properties[value]}: expected a property of type money")
        window_ms = record.duration_ms("window", UNITS_MS["d"])
        if not window_ms:
            record.wrong("window", "expected more than nothing")
        outcomes[name] = OutcomeType(
            name,
            event,
            bool(match),
            KEY,
            value,
            window_ms,
            record.duration_ms("lateness", LATENESS_MS),
            record.ppm("beta", BETA_PPM, 0, PPM),
            not record.has("beta"),
            record.flag("loses_contact"),
            record.duration_ms("cool_down"),
        )
    return outcomes
