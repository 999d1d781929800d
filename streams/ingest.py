"""Stage 1 of 7 — ingest: one fact once, typed, keyed by the person.

Reads   raw records from producers.      Writes  Event, DeadLetter.
Keeps   ids seen (24 h), aliases.        Never   accepts what it cannot explain.
"""

from __future__ import annotations

from math import floor, isfinite
from typing import Final

from streams.ids import fingerprint
from streams.policy import EventType
from streams.records import Event, RawEvent, Value
from streams.rows import Profile

SEEN_MS: Final = 24 * 3_600_000  # a producer that retries gives up within a day
SEEN_MAX: Final = 256  # 8 bytes of hash and 5 of time each: 3.3 KiB a person at most
AHEAD_MS: Final = 5 * 60_000  # clocks of producers differ
JUMP_MS: Final = 7 * 24 * 3_600_000  # a history may pause for a week, not more
MICRO: Final = 1_000_000

BUILT_IN: Final = {
    kind: EventType(kind, {"activation_id": "string", "decision_id": "string", "delivery_channel": "string", **more}, frozenset(more), "")
    for kind, more in (("activation_delivered", {}), ("activation_rejected", {"reason": "string"}))
}  # fmt: skip
"""What delivery channels report; every policy has these event types."""


def refuse_time(occurred_at: int, clock: int, live: bool) -> str:
    """Return why an event of this time is refused, "" if it is not; a history's first event may come from any time."""
    ahead = occurred_at - clock
    if live:
        return f"{ahead} ms ahead of the clock, at most {AHEAD_MS}" if ahead > AHEAD_MS else ""
    return f"a jump of {ahead} ms, at most {JUMP_MS}" if clock and ahead > JUMP_MS else ""


def check_properties(told: dict[str, Value], kind: EventType) -> tuple[dict[str, Value], str]:
    """Return the properties as the event catalogue types them (money in micro-units), and the cause for which they are refused, or ""."""
    types = kind.properties
    typed: dict[str, Value] = {}
    for name, value in told.items():
        expected = types.get(name)
        if expected is None:
            continue  # not in the catalogue: kept in the log, seen by nobody
        if expected == "string":
            if type(value) is not str:
                return typed, f"mistyped:{name}"
            typed[name] = value
        elif expected == "int":
            if type(value) is not int:
                return typed, f"mistyped:{name}"
            typed[name] = value
        elif expected == "bool":
            if type(value) is not bool:
                return typed, f"mistyped:{name}"
            typed[name] = value
        else:
            if type(value) is not float and type(value) is not int:
                return typed, f"mistyped:{name}"
            if not isfinite(value):
                return typed, f"not_finite:{name}"
            typed[name] = floor(value * MICRO + 0.5) if expected == "money" else value
    if len(typed) != len(types):
        for name in types:
            if name not in typed and name not in kind.optional:
                return typed, f"missing:{name}"
    return typed, ""


def is_seen(profile: Profile, raw: RawEvent) -> bool:
    """Tell whether this event was accepted before."""
    return fingerprint(raw.source, raw.event_id) in profile.seen


def remember(profile: Profile, raw: RawEvent, clock: int) -> bool:
    """Remember an accepted event; False if an id younger than a day had to be forgotten for it."""
    seen = profile.seen
    kept = True
    while seen:
        oldest = next(iter(seen))
        is_old = seen[oldest] <= clock - SEEN_MS
        if not is_old and len(seen) < SEEN_MAX:
            break
        kept = kept and is_old
        del seen[oldest]
    seen[fingerprint(raw.source, raw.event_id)] = clock
    return kept


def accept(raw: RawEvent, properties: dict[str, Value], clock: int, alias: str | None) -> Event:
    """Return the accepted event."""
    return Event(raw.event_id, raw.profile_id, raw.type, raw.occurred_at, raw.source, properties, raw.consent, raw.traceparent, clock, alias)  # fmt: skip
