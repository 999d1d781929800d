"""Observation: what one decision needs to know of a person, taken from the rows as of now."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import Final

from streams.decision.calendar import Starts, starts
from streams.decision.calibrate import read_answers
from streams.decision.decay import decayed
from streams.decision.holdout import bucket
from streams.decision.release import releases
from streams.decision.verdict import Occasion, Snapshot
from streams.policy import Policy
from streams.policy.board import Board
from streams.records import Calibrator, Feature
from streams.rows import TRAVEL_MS, Answer, Contacts, Profile

SHADOW: Final = "ghost:"  # before a delivery channel, in the pressure of shadow contacts
UNSAID: Final = [0, 0]
BINDING: Final = ("reserved", "live")
NOT_NEEDED: Final[Starts] = ()


class Columns:
    """The contacts that count now, oldest first; those still in flight come last, as if they were made now."""

    __slots__ = ("at", "has_shadows", "keys")

    def __init__(self, contacts: Contacts, now: int, held: bool) -> None:
        self.at = contacts.at
        self.keys = [contacts.klass, contacts.channel, contacts.category, contacts.intent, contacts.action]
        has_shadows = 1 in contacts.ghost
        self.has_shadows = held and has_shadows
        if any(contacts.lease_until) or (has_shadows and not held):
            self._select(contacts, now, held)

    def _select(self, contacts: Contacts, now: int, with_shadows: bool) -> None:
        counted: list[int] = []
        in_flight: list[int] = []
        ghost = contacts.ghost
        for index, lease_until in enumerate(contacts.lease_until):
            if ghost[index] and not with_shadows:
                continue
            if not lease_until:
                counted.append(index)
            elif lease_until > now:
                in_flight.append(index)
        order = counted + in_flight
        at = contacts.at
        self.at = [at[index] for index in counted]
        if in_flight:
            latest = self.at[-1] if counted else 0  # may be stamped ahead of us: stay sorted
            self.at += [max(now, latest)] * len(in_flight)
        self.keys = [[column[index] for index in order] for column in self.keys]


def count_contacts(board: Board, seen: Columns, real: Columns, zones: list[str], now: int) -> list[dict[str, int]]:
    """Return, for each window, the contacts in it by id of its scope; `seen` has the shadows too, `real` has not.

    A window that rolls is half open, (now − W, now]; a contact stamped ahead of the clock is in every window. A day,
    week or month is counted from its earliest beginning in these zones.
    """
    if not seen.at:  # then there are none without the shadows either
        return [{} for _ in board.windows]
    calendar: Starts = NOT_NEEDED
    counts: list[dict[str, int]] = []
    for window in board.windows:
        columns = seen if window.with_shadows else real
        if window.rolling_ms:
            begin = bisect_right(columns.at, now - window.rolling_ms)
        else:
            if calendar is NOT_NEEDED:
                calendar = _earliest(zones, now)
            begin = bisect_left(columns.at, calendar[window.calendar])
        total = len(columns.at) - begin
        observed: dict[str, int] = {}
        counts.append(observed)
        if not total:
            continue
        klass = window.klass
        if window.scope == 0:
            if klass != "*":
                total = columns.keys[0][begin:].count(klass)
            if total:
                observed["*"] = total
            continue
        values = columns.keys[window.scope][begin:]
        if klass != "*":
            of = columns.keys[0]
            values = [value for index, value in enumerate(values, begin) if of[index] == klass]
        if window.only:
            total = values.count(window.only)
            if total:
                observed[window.only] = total
            continue
        by_value = window.by_value
        for value in values:
            known = observed.get(value)
            if known is not None:
                observed[value] = known + 1
            elif value in by_value:
                observed[value] = 1
    return counts


def _earliest(zones: list[str], now: int) -> Starts:
    """Return when the local day, week and month began: where that is earliest, so the most contacts are in it."""
    begun = [starts(zone, now) for zone in zones]
    return begun[0] if len(begun) == 1 else tuple(min(of) for of in zip(*begun, strict=True))


def _left(profile: Profile, now: int) -> list[str]:
    """Return the zones that a person has left lately: travel resets no cap."""
    return [zone for zone, left_at in profile.left if left_at > now - TRAVEL_MS] if profile.left else []


def pressures_ppm(board: Board, contacts: Contacts, now: int, held: bool) -> list[int]:
    """Return the pressure now, for each load."""
    out: list[int] = []
    for load in board.loads:
        pressure = _pressure(contacts, load.channel_id, now)
        if held and load.with_shadows:
            pressure += _pressure(contacts, SHADOW + load.channel_id, now)
        out.append(pressure)
    return out


def _pressure(contacts: Contacts, key: str, now: int) -> int:
    kept = contacts.pressure.get(key)
    return 0 if kept is None else decayed(kept[0], now - kept[1])


def observe(
    policy: Policy,
    board: Board,
    profile: Profile,
    contacts: Contacts,
    features: list[Feature],
    answers: dict[str, Answer],
    calibrators: dict[str, Calibrator | None],
    occasion: Occasion,
) -> Snapshot:
    """Return the snapshot that a decision reads."""
    decision_id, profile_id, now, deferrals = occasion
    zone = profile.zone or policy.zone
    drawn = bucket(policy.holdout.seed, profile_id)
    held = drawn < policy.holdout.buckets
    seen = Columns(contacts, now, held)
    real = Columns(contacts, now, False) if seen.has_shadows else seen
    bound_until = now - board.cool_off_ms
    readings = read_answers(board, answers, calibrators)
    return Snapshot(
        profile_id,
        zone,
        drawn,
        features,
        [profile.consents.get(scope, UNSAID) for scope in board.consents],
        profile.suppressed,
        [scope for scope, until in contacts.cooldowns if until > now],
        count_contacts(board, seen, real, [zone, *_left(profile, now)], now),
        [
            offer
            for offer in contacts.offers
            if offer.until > bound_until and offer.state in BINDING and (held or not offer.ghost)
        ],
        pressures_ppm(board, contacts, now, held),
        dict(zip(seen.keys[4], seen.at, strict=True)),
        releases(board, zone, readings, deferrals, decision_id, now) if board.timings else [],
        deferrals,
        readings,
    )
