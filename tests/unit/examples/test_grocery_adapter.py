from collections import Counter
from datetime import date

import pytest

from agents.codecs.avro import decode_raw_event, encode_raw_event
from examples.grocery import adapter, tables, wire
from examples.grocery.categories import OTHER, SHELVES
from streams.records import RawEvent

SOME = 40
EASTER = date(2017, 4, 16)


@pytest.fixture(scope="module")
def year(grocery_tables: tables.Tables) -> tables.Year:
    return tables.load(tables=grocery_tables)


@pytest.fixture(scope="module")
def some(grocery_tables: tables.Tables) -> list[RawEvent]:
    return list(adapter.told(tables.load(SOME, EASTER, grocery_tables)))


def test_the_whole_year_is_told(year: tables.Year) -> None:
    assert len(year.lines.product) == 1_469_307
    assert len(year.baskets.basket_id) == 155_848
    assert len(set(year.baskets.household.tolist())) == 2_469
    assert len(year.redemptions) == 2_102
    assert len({campaign for _, campaign, _, _ in year.campaigns}) == 27
    assert {c for c in year.products.category if c != OTHER} == set(SHELVES.values())
    at, count = 0, 0
    for told_at, _, values in wire.encoded(year):
        assert told_at >= at
        at, count = told_at, count + len(values)
    asides = 6_589 + 2_469 + 801  # households in campaigns, consents, descriptions
    assert count == adapter.count(year) == 1_469_307 + 155_848 + 2_102 + asides


def test_every_redemption_falls_on_a_basket_of_its_local_day(year: tables.Year) -> None:
    assert all(redemption.basket >= 0 for redemption in year.redemptions)


def test_the_year_is_a_year_in_new_york(year: tables.Year) -> None:
    begun, ended = tables.local_ms(date(2017, 1, 1)), tables.local_ms(date(2018, 1, 1))
    assert begun <= year.baskets.completed_at.min()
    assert year.baskets.completed_at.max() < ended
    assert begun == 1_483_246_800_000  # 05:00 UTC


def test_the_bytes_are_the_bytes_of_the_events(grocery_tables: tables.Tables) -> None:
    year = tables.load(SOME, EASTER, grocery_tables)
    plain = [(event.profile_id.encode(), encode_raw_event(event)) for event in adapter.told(year)]
    assert [(key, value) for _, key, values in wire.encoded(year) for value in values] == plain


def test_events_come_in_the_order_of_time_and_a_basket_after_its_lines(some: list[RawEvent]) -> None:
    at = 0
    lines: Counter[str] = Counter()
    for event in some:
        assert event.occurred_at >= at - 1  # two baskets in one second
        at = max(at, event.occurred_at)
        if event.type == "product_purchased":
            lines[str(event.properties["basket_id"])] += 1
        elif event.type == "basket_completed":
            assert lines[event.event_id] == event.properties["lines"]


def test_each_event_has_an_id_of_its_own(some: list[RawEvent]) -> None:
    assert len({event.event_id for event in some}) == len(some)


def test_a_part_is_told_as_it_is_in_the_whole(some: list[RawEvent]) -> None:
    fewer = list(adapter.events(SOME // 2, date(2017, 2, 1)))
    people = {event.profile_id for event in fewer}
    assert len(people) == SOME // 2
    end = tables.local_ms(date(2017, 2, 1))
    assert [e for e in some if e.profile_id in people and e.occurred_at < end] == fewer


def test_households_consent_at_the_start_and_most_to_email(some: list[RawEvent]) -> None:
    said = [event.consent for event in some if event.type == "consent_recorded"]
    assert len(said) == SOME
    assert all(consent is not None and set(consent) == {"email", "app"} for consent in said)
    assert 0.6 < sum(consent["email"] for consent in said if consent) / SOME < 0.95


def test_bytes_are_read_back_as_events(grocery_tables: tables.Tables) -> None:
    year = tables.load(2, date(2017, 1, 20), grocery_tables)
    told = [decode_raw_event(value) for _, _, values in wire.encoded(year) for value in values]
    assert told == list(adapter.told(year))
