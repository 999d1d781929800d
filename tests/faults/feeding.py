"""A part of the grocery year as it may reach us on a bad day: twice, in the wrong partition, broken in every way."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields, replace
from itertools import groupby
from typing import Any, Final

from agents.codecs.avro import encode_raw_event, encode_tick
from streams.decision.holdout import bucket
from streams.partition import partition_of
from streams.policy.sampling import Holdout
from streams.records import RawEvent, Tick
from tests.faults.case import ACCEPTED, DUPLICATE, Fed

DAY_MS: Final = 86_400_000
SLICE_MS: Final = 3 * DAY_MS  # fed at once: below the week that a history may jump
END_MS: Final = 17 * DAY_MS  # the longest window of the policy, and what may come late
STRAYS_EVERY: Final = 9  # households of which everything comes to the wrong partition
TWICE_EVERY: Final = 60  # events of which one comes twice
POISON_EVERY: Final = 80

Poison = Callable[[RawEvent, int], bytes | None]


@dataclass(frozen=True)
class Slice:
    """What is fed together; then the feeder waits until all that is to be accepted is."""

    fed: list[Fed]
    accepted: int
    triggers: int


def _avro(event: RawEvent, number: int, **changes: object) -> bytes:
    return encode_raw_event(replace(event, event_id=f"poison-{number}", **changes))  # type: ignore[arg-type]


def _json(event: RawEvent, number: int, *without: str) -> bytes:
    told = _told(event) | {"event_id": f"poison-{number}"}
    return json.dumps({name: value for name, value in told.items() if name not in without}).encode()


def _told(event: RawEvent) -> dict[str, Any]:
    return {field.name: getattr(event, field.name) for field in fields(event)}


POISONS: Final[dict[str, Poison]] = {
    "undecodable:tombstone": lambda event, n: None,
    "undecodable:magic": lambda event, n: b"\x07" + _avro(event, n)[1:],
    "undecodable:schema_id": lambda event, n: b"\0\0\0\0\x63" + _avro(event, n)[5:],
    "undecodable:schema": lambda event, n: encode_tick(Tick(event.occurred_at)),
    "undecodable:truncated": lambda event, n: _avro(event, n)[:-9],
    "undecodable:trailing": lambda event, n: _avro(event, n) + b"\0",
    "undecodable:json": lambda event, n: _json(event, n)[:-1],
    "invalid:event_id": lambda event, n: _json(event, n, "event_id"),
    "invalid:profile_id": lambda event, n: _json(event, n, "profile_id"),
    "missing:profile_id": lambda event, n: _avro(event, n, profile_id=""),
    "missing:amount": lambda event, n: _avro(event, n, properties={"basket_id": "b", "lines": 1}),
    "mistyped:amount": lambda event, n: _avro(event, n, properties={**event.properties, "amount": "12"}),
    "not_finite:amount": lambda event, n: _avro(event, n, properties={**event.properties, "amount": float("nan")}),
    "out_of_range:amount": lambda event, n: _avro(event, n, properties={**event.properties, "amount": 1e13}),
    "invalid:traceparent": lambda event, n: _avro(event, n, traceparent="0" * 300),
    "unknown_event_type": lambda event, n: _avro(event, n, type="basket_dreamt_of"),
    "invalid:occurred_at": lambda event, n: _avro(event, n, occurred_at=-1),
    "future_time": lambda event, n: _avro(event, n, occurred_at=event.occurred_at + 40 * DAY_MS),
}
# What is an event, and refused by its owner wherever it comes.
STRAY_POISONS: Final = ("not_finite:amount", "unknown_event_type", "future_time")


class Feeding:
    """Slices of stream time, each with its share of mischief, the same for the same seed."""

    def __init__(self, events: Iterable[RawEvent], partitions: int, holdout: Holdout, seed: int) -> None:
        """Prepare to feed these events, which come in the order of time."""
        self.homes: Final[dict[str, int]] = {}  # by profile_id
        self.fates: Final[Counter[str]] = Counter()
        self._partitions: Final = partitions
        self._chance: Final = random.Random(seed)
        self._holdout: Final = holdout
        self._poisons = 0
        self._late: list[RawEvent] = []  # come once more, elsewhere, with the next slice
        self._events: Final = list(events)
        self.begins_at: Final = self._events[0].occurred_at
        self.ends_at: Final = self._events[-1].occurred_at

    def slices(self) -> Iterator[Slice]:
        """Yield the slices in the order of time."""
        begun = self.begins_at
        cut = [list(events) for _, events in groupby(self._events, key=lambda e: (e.occurred_at - begun) // SLICE_MS)]
        for number, events in enumerate(cut):
            # What comes late makes a detour, and may still be under way when the next slice is taken.
            following = [event for later in cut[number + 1 : number + 3] for event in later]
            yield self._slice(events, {event.profile_id for event in following}, is_first=number == 0)

    def _slice(self, events: list[RawEvent], following: set[str], *, is_first: bool) -> Slice:
        late, self._late = self._late, []
        fed = [self._fed(event, DUPLICATE, away=True) for event in late]
        for event in events:
            fed.append(self._fed(event, ACCEPTED, away=self._is_stray(event.profile_id)))
            if self._chance.randrange(TWICE_EVERY) == 0:
                fed.append(self._fed(event, DUPLICATE, away=self._is_stray(event.profile_id), key=b"another key"))
            if not is_first and event.type == "basket_completed" and self._chance.randrange(POISON_EVERY // 10) == 0:
                fed.append(self._poison(event))
        # An id is remembered until an event of its person comes a day later, by a clock that a detour may put forward
        # by a slice: so the last event of those who will not come for now, and to whom nothing is sent that is
        # reported.
        lasts = {event.profile_id: event.occurred_at for event in events if event.profile_id not in following}
        self._late = [event for event in events if following and self._may_come_late(event, lasts)]
        self.fates.update(one.fate for one in fed)
        return Slice(fed, len(events), sum(event.type == "basket_completed" for event in events))

    def _may_come_late(self, event: RawEvent, lasts: dict[str, int]) -> bool:
        person = event.profile_id
        is_held_out = bucket(self._holdout.seed, person) < self._holdout.buckets
        is_last = person in lasts and event.occurred_at == lasts[person]
        return is_held_out and is_last and not self._is_stray(person) and self._chance.randrange(2) == 0

    def _is_stray(self, profile_id: str) -> bool:
        return int(profile_id.removeprefix("h-")) % STRAYS_EVERY == 0

    def _fed(self, event: RawEvent, fate: str, *, away: bool, key: bytes | None = None) -> Fed:
        home = self.homes.setdefault(event.profile_id, partition_of(event.profile_id, self._partitions))
        # All that is misplaced of a person comes one way, or it would come in any order.
        partition = (home + 1) % self._partitions if away else home
        return Fed(partition, key or event.profile_id.encode(), encode_raw_event(event), fate, home, _told(event))

    def _poison(self, event: RawEvent) -> Fed:
        self._poisons += 1
        cause = list(POISONS)[self._poisons % len(POISONS)]
        home = partition_of(event.profile_id, self._partitions)
        away = cause in STRAY_POISONS and self._poisons // len(POISONS) % 2 == 1
        partition = (home + 1) % self._partitions if away else home
        return Fed(partition, b"poison", POISONS[cause](event, self._poisons), cause, home, None)
