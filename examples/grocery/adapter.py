"""The year as raw events, in the order of time: the plain form. `wire.py` writes the same events as bytes, faster.

What the data set does not know is made up here, once and openly: consent.
80 % of the households take email and 60 % the app's messages, drawn from a hash of the household's id;
what the till prints on a receipt needs nobody's consent.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from datetime import date
from typing import Final

from examples.grocery.tables import FIRST_DAY, Redemption, Year, load, local_ms
from streams.ids import derive
from streams.records import RawEvent, Value

SOURCE: Final = "grocery"
CONSENT_PERCENT: Final = {"email": 80, "app": 60}


def profile_id(household: int) -> str:
    """Return the id under which a household is known to the stream."""
    return f"h-{household}"


def events(households: int | None = None, until: date | None = None) -> Iterator[RawEvent]:
    """Yield the raw events of the year, or of the part that concerns so many households and the days before `until`."""
    return told(load(households, until))


def told(year: Year) -> Iterator[RawEvent]:
    """Yield the raw events of a year that is loaded."""
    others = iter(asides(year))
    aside = next(others, None)
    redeemed = redeemed_by_basket(year)
    for index, at in enumerate(year.baskets.completed_at.tolist()):
        while aside is not None and aside.occurred_at <= at:
            yield aside
            aside = next(others, None)
        yield from _basket(year, index, redeemed.get(index, []))
    while aside is not None:
        yield aside
        aside = next(others, None)


def count(year: Year) -> int:
    """Return how many events a year has."""
    bought = len(year.lines.product) + len(year.baskets.basket_id) + len(year.redemptions)
    return bought + len(year.campaigns) + len(year.households) + len(year.demographics)


def asides(year: Year) -> list[RawEvent]:
    """Return what is not bought, in the order of time: who they are, their consent, campaigns, lone redemptions."""
    begun = local_ms(FIRST_DAY)
    described = (_event("household_described", h, begun, str(h), dict(d)) for h, d in sorted(year.demographics.items()))
    consented = (_consent(h, begun) for h in year.households)
    started = sorted(
        (
            _event("campaign_started", h, at, f"{campaign}-{h}", {"campaign": campaign, "kind": kind})
            for h, campaign, kind, at in year.campaigns
        ),
        key=lambda event: event.occurred_at,
    )
    alone = sorted((redeemed(year, r) for r in year.redemptions if r.basket < 0), key=lambda event: event.occurred_at)
    return [*described, *consented, *heapq.merge(started, alone, key=lambda event: event.occurred_at)]


def redeemed_by_basket(year: Year) -> dict[int, list[RawEvent]]:
    """Return the redemptions that are told with a basket, by its index."""
    by_basket: dict[int, list[RawEvent]] = {}
    for redemption in year.redemptions:
        if redemption.basket >= 0:
            by_basket.setdefault(redemption.basket, []).append(redeemed(year, redemption))
    return by_basket


def redeemed(year: Year, redemption: Redemption) -> RawEvent:
    """Return one redemption as an event."""
    properties: dict[str, Value] = {"coupon": redemption.coupon, "campaign": redemption.campaign}
    if redemption.basket >= 0:
        properties["basket_id"] = str(year.baskets.basket_id[redemption.basket])
    return _event("coupon_redeemed", redemption.household, redemption.at, str(redemption.number), properties)


def _basket(year: Year, index: int, redemptions: list[RawEvent]) -> Iterator[RawEvent]:
    """Yield one visit: its lines, the coupons handed in, then its completion, a millisecond later."""
    baskets, lines, products = year.baskets, year.lines, year.products
    at, basket_id = int(baskets.completed_at[index]), str(baskets.basket_id[index])
    first, end = int(baskets.first[index]), int(baskets.first[index + 1])
    person = profile_id(int(baskets.household[index]))
    for number, line in enumerate(range(first, end)):
        row = int(lines.product[line])
        bought: dict[str, Value] = {
            "category": products.category[row],
            "product_id": products.product_id[row],
            "quantity": int(lines.quantity[line]),
            "amount": float(lines.amount[line]),
            "basket_id": basket_id,
        }
        yield RawEvent(f"{basket_id}-{number}", person, "product_purchased", at, SOURCE, bought)
    yield from redemptions
    total: dict[str, Value] = {"basket_id": basket_id, "amount": float(baskets.amount[index]), "lines": end - first}
    yield RawEvent(basket_id, person, "basket_completed", at + 1, SOURCE, total)


def _event(kind: str, household: int, at: int, natural_key: str, properties: dict[str, Value]) -> RawEvent:
    return RawEvent(derive("event", SOURCE, kind, natural_key), profile_id(household), kind, at, SOURCE, properties)


def _consent(household: int, at: int) -> RawEvent:
    event = _event("consent_recorded", household, at, str(household), {})
    draw = int(derive("consent", str(household)), 16)
    shares = enumerate(CONSENT_PERCENT.items())
    event.consent = {scope: draw // 100**place % 100 < percent for place, (scope, percent) in shares}
    return event
