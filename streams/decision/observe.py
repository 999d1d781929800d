"""Observation: what one decision needs to know of a person, taken from the rows as of now."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import Final

from streams.decision.calendar import starts
from streams.decision.calibrate import read_answers
from streams.decision.decay import decayed
from streams.decision.holdout import bucket
from streams.decision.verdict import Snapshot
from streams.policy import Policy
from streams.policy.board import Board
from streams.records import Calibrator, Feature
from streams.rows import Answer, Contacts, Profile

SHADOW: Final = "ghost:"  # before a delivery channel, in the pressure of shadow contacts
UNSAID: Final = [0, 0]
BINDING: Final = ("reserved", "live")


class Columns:
    """The contacts that count now, oldest first; those still in flight come last, as if they were made now."""

    __slots__ = ("at", "has_shadows", "keys", "klass")

    def __init__(self, contacts: Contacts, now: int, *, held: bool) -> None:
        self.at = contacts.at
        self.klass = contacts.klass
        self.keys = (contacts.klass, contacts.channel, contacts.category, contacts.intent, contacts.action)
        self.has_shadows = held and 1 in contacts.ghost
        if any(contacts.lease_until) or (1 in contacts.ghost and not held):
            self._select(contacts, now, with_shadows=held)

    def _select(self, contacts: Contacts, now: int, *, with_shadows: bool) -> None:
        counted: list[int] = []
        in_flight: list[int] = []
        for index, lease_until in enumerate(contacts.lease_until):
            if contacts.ghost[index] and not with_shadows:
                continue
            if not lease_until:
                counted.append(index)
            elif lease_until > now:
                in_flight.append(index)
        order = counted + in_flight
        self.at = [contacts.at[index] for index in counted] + [now] * len(in_flight)
        if counted and in_flight and self.at[len(counted) - 1] > now:
            self.at[len(counted) :] = [self.at[len(counted) - 1]] * len(
                in_flight
            )  # a contact stamped ahead of us: stay sorted
        self.keys = (
            [contacts.klass[index] for index in order],
            [contacts.channel[index] for index in order],
            [contacts.category[index] for index in order],
            [contacts.intent[index] for index in order],
            [contacts.action[index] for index in order],
        )
        self.klass = self.keys[0]


def count_contacts(board: Board, seen: Columns, real: Columns, zone: str, now: int) -> list[dict[str, int]]:
    """Return, for each window, the contacts in it by id of its scope; `seen` has the shadows too, `real` has not.

    A window that rolls is half open, (now − W, now]; a contact stamped ahead of the clock is in every window.
    """
    calendar: tuple[int, int, int] | None = None
    counts: list[dict[str, int]] = []
    for window in board.windows:
        columns = seen if window.with_shadows else real
        if window.rolling_ms:
            begin = bisect_right(columns.at, now - window.rolling_ms)
        else:
            if calendar is None:
                calendar = starts(zone, now)
            begin = bisect_left(columns.at, calendar[window.calendar])
        total = len(columns.at) - begin
        klass = window.klass
        if not total:
            counts.append({})
            continue
        if window.scope == 0:
            if klass != "*":
                total = columns.klass[begin:].count(klass)
            counts.append({"*": total} if total else {})
            continue
        values = columns.keys[window.scope][begin:]
        if klass != "*":
            values = [value for value, of in zip(values, columns.klass[begin:], strict=True) if of == klass]
        observed: dict[str, int] = {}
        by_value = window.by_value
        for value in values:
            if value in by_value:
                observed[value] = observed.get(value, 0) + 1
        counts.append(observed)
    return counts


def pressures_ppm(board: Board, contacts: Contacts, now: int, *, held: bool) -> list[int]:
    """Return the pressure now, for each load."""
    out: list[int] = []
    for load in board.loads:
        amount, since = contacts.pressure.get(load.channel_id, UNSAID)
        pressure = decayed(amount, now - since)
        if held and load.with_shadows:
            amount, since = contacts.pressure.get(SHADOW + load.channel_id, UNSAID)
            pressure += decayed(amount, now - since)
        out.append(pressure)
    return out


def observe(
    policy: Policy,
    board: Board,
    profile: Profile,
    contacts: Contacts,
    features: list[Feature],
    answers: dict[str, Answer],
    calibrators: dict[str, Calibrator | None],
    profile_id: str,
    now: int,
) -> Snapshot:
    """Return the snapshot that a decision at `now` reads."""
    zone = profile.zone or policy.zone
    drawn = bucket(policy.holdout.seed, profile_id)
    held = drawn < policy.holdout.buckets
    seen = Columns(contacts, now, held=held)
    real = Columns(contacts, now, held=False) if seen.has_shadows else seen
    cool_off_ms = board.cool_off_ms
    return Snapshot(
        profile_id,
        zone,
        drawn,
        features,
        [profile.consents.get(scope, UNSAID) for scope in board.by_consent],
        profile.suppressed,
        [scope for scope, until in contacts.cooldowns if until > now],
        count_contacts(board, seen, real, zone, now),
        [
            offer
            for offer in contacts.offers
            if offer.state in BINDING and offer.until + cool_off_ms > now and (held or not offer.ghost)
        ],
        pressures_ppm(board, contacts, now, held=held),
        dict(zip(seen.keys[4], seen.at, strict=True)),
        read_answers(board, answers, calibrators),
    )
