"""Events of a request: read, completed, and held against the policy's event catalogue."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

import msgspec

from agents.api.callers import Caller
from agents.api.contract import EVENTS_MAX, PRINTABLE, EventTold
from agents.api.problems import Fault, Problem
from agents.api.signatures import ID
from streams.ids import derive
from streams.ingest import NAME_MAX, Refused, check, check_identity
from streams.policy import Policy
from streams.records import RawEvent

IDEMPOTENCY_KEY: Final = "Idempotency-Key"
NOT_SO: Final = "the body is not what it should be"
_ONE_OR_MANY: Final = msgspec.json.Decoder(EventTold | list[EventTold])
_ONE: Final = msgspec.json.Decoder(EventTold)
_MANY: Final = msgspec.json.Decoder(list[msgspec.Raw])
_PRINTABLE: Final = re.compile(PRINTABLE)
_PLACE: Final = re.compile(r" - at `\$([^`]*)`$")


def read(body: bytes, *, many: bool) -> list[EventTold]:
    """Return the events of a body, one or, where that may be, many; raises Problem."""
    try:
        found = (_ONE_OR_MANY if many else _ONE).decode(body)
    except msgspec.ValidationError as error:
        faults = _faults(body) if many else []
        raise Problem(400, NOT_SO, faults or [_fault(error)]) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(400, f"expected JSON in UTF-8, came: {error}") from None
    events = found if isinstance(found, list) else [found]
    for number, one in enumerate(events):
        if isinstance(one.occurred_at, float):  # in JSON 1.0 is a whole number, and 1.5 is none
            if not one.occurred_at.is_integer():
                place, came = f"$[{number}].occurred_at", one.occurred_at
                raise Problem(400, NOT_SO, [Fault(place, "invalid", f"expected whole milliseconds, came {came}")])
            one.occurred_at = int(one.occurred_at)
    if not 0 < len(events) <= EVENTS_MAX:
        raise Problem(400, f"expected 1 to {EVENTS_MAX} events, came {len(events)}")
    return events


def _faults(body: bytes) -> list[Fault]:
    """Return what is wrong with each event of many."""
    faults = []
    with suppress(msgspec.DecodeError):  # no list at all
        for number, one in enumerate(_MANY.decode(body)[:EVENTS_MAX]):
            try:
                _ONE.decode(one)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                faults.append(_fault(error, f"[{number}]"))
    return faults


def _fault(error: Exception, index: str = "") -> Fault:
    place = _PLACE.search(str(error))
    return Fault(f"${index}{place[1] if place else ''}", "invalid", _PLACE.sub("", str(error)))


def complete(told: Sequence[EventTold], caller: Caller, headers: Mapping[str, str], now: int) -> list[RawEvent]:
    """Return the events with what they left out: the ids follow from the request's key, which a retry repeats.

    Raises Problem.
    """
    key = headers.get(IDEMPOTENCY_KEY, headers.get(ID))
    if key is None:
        key = uuid.uuid4().hex
    elif len(key) > NAME_MAX or not _PRINTABLE.fullmatch(key):
        expected = f"1 to {NAME_MAX} printable ASCII characters without spaces"
        raise Problem(400, f"{IDEMPOTENCY_KEY}: expected {expected}, came {key[:100]!a}")
    return [
        RawEvent(
            one.event_id or derive("event", caller.name, key, str(number)),
            one.profile_id,
            one.type,
            int(one.occurred_at or now),
            caller.source(one.source),
            one.properties,
            one.consent,
            one.traceparent,
        )
        for number, one in enumerate(told)
    ]


def hold_against(policy: Policy, events: Sequence[RawEvent], now: int, *, live: bool) -> None:
    """Raise Problem naming everything that the policy of now would refuse; a worker looks at it again.

    In JSON 1.0 is a whole number: where the catalogue wants one, it becomes one.
    """
    faults = []
    for number, event in enumerate(events):
        kind = policy.events.get(event.type)
        for name, told in event.properties.items():
            if isinstance(told, float) and told.is_integer() and kind and kind.properties.get(name) == "int":
                event.properties[name] = int(told)
        try:
            check_identity(event)
            check(event, policy.events, now if live else 0, live=live)
        except Refused as refused:
            faults.append(Fault(f"event {number}", refused.cause, refused.detail))
    if faults:
        status = 409 if all(fault.cause == "future_time" for fault in faults) else 422
        raise Problem(status, f"{len(faults)} of {len(events)} events would be refused; none was taken", faults)
