"""Stage 1 of 7 — ingest: one fact once, typed, keyed by the person.

Reads   raw records from producers.      Writes  Event, DeadLetter.
Keeps   ids seen (24 h), aliases.        Never   accepts what it cannot explain.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import floor, isfinite
from typing import Final

from streams.erase import ERASURE
from streams.ids import remember
from streams.policy import EventType
from streams.records import Event, RawEvent, Value
from streams.rows import Profile

SEEN_MS: Final = 24 * 3_600_000  # a producer that retries gives up within a day
SEEN_MAX: Final = 256  # 8 bytes of hash and 5 of time each: 3.3 KiB a person at most
AHEAD_MS: Final = 5 * 60_000  # clocks of producers differ
JUMP_MS: Final = 7 * 24 * 3_600_000  # a history may pause for a week, not more
NAME_MAX: Final = 256  # characters of an id or a source: rows and decisions repeat them, and each has to fit its topic
IMPORT: Final = "import"  # source of what was known elsewhere: it is known here then, and nothing follows
INSTANT_MAX: Final = 1 << 43  # the year 2248; who tells seconds of 10⁻⁶ would otherwise move a history's clock for good
MICRO: Final = 1_000_000
AMOUNT_MAX: Final = 10**12  # units of money: in micro-units it still fits 64 bits

REPORTS: Final = {
    kind: EventType(
        kind,
        {"activation_id": "string", "decision_id": "string", "delivery_channel": "string", **more},
        frozenset(more),
        "",
    )
    for kind, more in (
        ("activation_delivered", {}),
        ("activation_rejected", {"reason": "string"}),
        ("activation_unknown", {"reason": "string"}),
        ("activation_bounced", {"reason": "string"}),
        ("activation_complained", {}),
        ("suppression_lifted", {}),
    )
}
"""What delivery channels report, and what lifts a suppression that a report caused."""

BUILT_IN: Final = REPORTS | {ERASURE: EventType(ERASURE, {"reason": "string"}, frozenset({"reason"}), "")}
"""The types of event that every policy has."""


class Refused(Exception):
    """This record is no event: a dead letter with this cause and detail."""

    def __init__(self, cause: str, detail: str) -> None:
        super().__init__(f"{cause}: {detail}")
        self.cause: Final = cause  # a word, or `word:<field of the event type>`: causes are counted by name
        self.detail: Final = detail


def is_name(told: str) -> bool:
    """Tell whether a text can name a person."""
    return 0 < len(told) <= NAME_MAX


def check_identity(raw: RawEvent) -> None:
    """Raise Refused if an event does not say which fact about whom it is, or takes too many words for it."""
    if not raw.profile_id:
        raise Refused("missing:profile_id", "an event names the person it is about")
    if not raw.event_id:
        raise Refused("missing:event_id", "without an id of its own, an event that comes twice counts twice")
    for name, told in (
        ("profile_id", raw.profile_id),
        ("event_id", raw.event_id),
        ("source", raw.source),
        ("traceparent", raw.traceparent or ""),
    ):
        if len(told) > NAME_MAX:
            raise Refused(f"invalid:{name}", f"expected at most {NAME_MAX} characters, came {len(told)}")


def check(
    raw: RawEvent, events: Mapping[str, EventType], clock: int, *, live: bool
) -> tuple[EventType, dict[str, Value]]:
    """Return what kind of event this is, and its properties as the event catalogue types them; raise Refused.

    Money comes out in micro-units. A property that is not in the catalogue is kept in the log and seen by nobody.
    """
    kind = events.get(raw.type) or BUILT_IN.get(raw.type)
    if kind is None:
        raise Refused("unknown_event_type", f"{raw.type!r} is not in the event catalogue")
    _check_time(raw.occurred_at, clock, live=live)
    typed: dict[str, Value] = {}
    told = raw.properties
    for name, expected in kind.properties.items():
        if name in told:
            typed[name] = _typed(name, told[name], expected)
        elif name not in kind.optional:
            raise Refused(f"missing:{name}", f"an event {raw.type!r} has {kind.properties}")
    if kind.links and not is_name(str(typed[kind.links])):
        raise Refused(f"missing:{kind.links}", f"a link names the person it leads to, in 1 to {NAME_MAX} characters")
    return kind, typed


def _check_time(occurred_at: int, clock: int, *, live: bool) -> None:
    if not 0 < occurred_at < INSTANT_MAX:
        raise Refused("invalid:occurred_at", f"{occurred_at} is no instant in milliseconds after 1970")
    ahead = occurred_at - clock
    if live and ahead > AHEAD_MS:
        raise Refused("future_time", f"{ahead} ms ahead of the clock, at most {AHEAD_MS}")
    if not live and clock and ahead > JUMP_MS:  # a history may begin at any time
        raise Refused("future_time", f"a jump of {ahead} ms, at most {JUMP_MS}")


def _typed(name: str, value: Value, expected: str) -> Value:
    if expected == "string":
        if type(value) is str:
            return value
    elif expected == "int":
        if type(value) is int:
            return value
    elif expected == "bool":
        if type(value) is bool:
            return value
    elif type(value) is float or type(value) is int:
        if not isfinite(value):
            raise Refused(f"not_finite:{name}", f"expected a {expected}, came {value}")
        if expected == "number":
            return value
        if not -AMOUNT_MAX <= value <= AMOUNT_MAX:
            raise Refused(f"out_of_range:{name}", f"expected at most {AMOUNT_MAX} units of money, came {value}")
        return floor(value * MICRO + 0.5)
    raise Refused(f"mistyped:{name}", f"expected a {expected}, came {type(value).__name__}")


def take(person: Profile, identity: int, clock: int) -> bool:
    """Remember an accepted event by its fingerprint; False if one younger than a day had to be forgotten for it."""
    return remember(person.seen, identity, clock, keep_ms=SEEN_MS, at_most=SEEN_MAX)


def accept(raw: RawEvent, properties: dict[str, Value], clock: int, alias: str | None) -> Event:
    """Return the accepted event, with these properties."""
    return Event(
        raw.event_id, raw.profile_id, raw.type, raw.occurred_at, raw.source, properties, raw.consent, raw.traceparent,
        clock, alias,
    )  # fmt: skip
