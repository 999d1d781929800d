"""Who is met in a run: households of the grocery year drawn by the seed, under ids that no other seed gives."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from functools import cache
from typing import Final

from examples.grocery import adapter, training
from examples.grocery.tables import Year, load, local_ms
from streams.policy import compile_policy
from streams.records import ModelVersion, RawEvent
from tests.faults.bundle import grocery
from tests.faults.feeding import END_MS as AWAITED_MS
from tests.oracle.credit import OPEN_MAX

TRAINING: Final = 200  # households that models are trained on
WARM_ON: Final = date(2017, 2, 1)  # from here on lapse and basket answer; before, the policy's priors stand in
IDS: Final = 10_000  # more than there are households


def events(seed: int, people: int, until: date) -> Iterator[RawEvent]:
    """Yield what so many households did before that day, in the order of time; no event is another seed's too."""
    year = load(None, until)
    drawn = set(random.Random(seed).sample(sorted(set(year.households) - _incessant(year)), people))
    for event in adapter.told(year):
        household = int(event.profile_id.removeprefix("h-"))
        if household in drawn:
            name = adapter.profile_id(seed * IDS + household)
            yield replace(event, event_id=f"{seed}-{event.event_id}", profile_id=name)


def _incessant(year: Year) -> set[int]:
    """Return the households of which more decisions would be open than are kept: nothing final is said of all."""
    visits: dict[int, list[int]] = {}
    for household, at in zip(year.baskets.household.tolist(), year.baskets.completed_at.tolist(), strict=True):
        visits.setdefault(household, []).append(at)
    return {
        household
        for household, mine in visits.items()
        if any(later - at <= AWAITED_MS for at, later in zip(mine, mine[OPEN_MAX:], strict=False))
    }


@cache
def models() -> tuple[ModelVersion, ...]:
    """Return versions of lapse and basket; what they learned from came later, here they only have to answer."""
    quarter = adapter.events(TRAINING, training.TRAINED_UNTIL)
    trained = training.train(compile_policy(grocery()), quarter, 0)
    return tuple(replace(version, trained_until=local_ms(WARM_ON)) for version in trained)
