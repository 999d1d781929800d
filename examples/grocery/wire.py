"""The year as Avro bytes: the events of `adapter.told`, byte for byte, at a quarter of the cost.

A basket's lines differ in five places only, so the bytes between those places are made once for the basket, the product
or the quantity.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby, pairwise
from typing import Final

from agents.codecs.avro import encode_raw_event
from agents.codecs.generated.raw_event import HEADER
from agents.codecs.varint import write_long
from examples.grocery.adapter import SOURCE, asides, profile_id, redeemed_by_basket
from examples.grocery.tables import Year

Told = tuple[int, bytes, list[bytes]]  # last instant, key, values of one household's events, in order

_LONG: Final = b"\x04"  # branches of a property's union
_DOUBLE: Final = b"\x06"
_STRING: Final = b"\x08"
_END: Final = b"\x00\x00\x00"  # no more properties, no consent, no trace


def encoded(year: Year) -> Iterator[Told]:
    """Yield the raw events of a year, encoded: a basket's lines, redemptions and completion come together."""
    by_person = groupby(asides(year), key=lambda event: (event.occurred_at, event.profile_id))
    told = ((at, person.encode(), [encode_raw_event(event) for event in events]) for (at, person), events in by_person)
    aside = next(told, None)
    for visit in _visits(year):
        while aside is not None and aside[0] < visit[0]:
            yield aside
            aside = next(told, None)
        yield visit
    while aside is not None:
        yield aside
        aside = next(told, None)


def _visits(year: Year) -> Iterator[Told]:
    baskets, lines = year.baskets, year.lines
    redeemed = {index: [encode_raw_event(e) for e in events] for index, events in redeemed_by_basket(year).items()}
    bought = b"".join((_text(SOURCE), write_long(5)))
    completed = b"".join((_text(SOURCE), write_long(3)))
    product, quantity = _products(year), _quantities(year)
    longest = max((end - start for start, end in pairwise(baskets.first.tolist())), default=0)
    numbers = [b"-%d" % number for number in range(longest)]
    amounts, totals = lines.amount.astype("<f8").tobytes(), baskets.amount.astype("<f8").tobytes()
    row_of, quantity_of, first = lines.product.tolist(), lines.quantity.tolist(), baskets.first.tolist()
    columns = (baskets.household.tolist(), baskets.basket_id.tolist(), baskets.completed_at.tolist())
    for index, (household, basket, at) in enumerate(zip(*columns, strict=True)):
        name = b"%d" % basket
        person = profile_id(household).encode()
        who = write_long(len(person)) + person
        head = b"".join((who, _text("product_purchased"), write_long(at), bought))
        basket_id = b"".join((_text("basket_id"), _STRING, write_long(len(name)), name))
        tail = basket_id + _END
        values = [
            b"".join((
                HEADER, write_long(len(name) + len(number)), name, number, head,
                product[row_of[line]], quantity[quantity_of[line]], amounts[8 * line : 8 * line + 8], tail,
            ))
            for line, number in zip(range(first[index], first[index + 1]), numbers, strict=False)
        ]  # fmt: skip
        count = write_long(len(values))
        values += redeemed.get(index, ())
        values.append(b"".join((
            HEADER, write_long(len(name)), name, who, _text("basket_completed"), write_long(at + 1), completed,
            basket_id, _text("amount"), _DOUBLE, totals[8 * index : 8 * index + 8], _text("lines"), _LONG, count, _END,
        )))  # fmt: skip
        yield at + 1, person, values


def _products(year: Year) -> list[bytes]:
    """Return, by row, the properties that a product decides, up to the quantity."""
    return [
        b"".join((_property("category", category), _property("product_id", product), _text("quantity"), _LONG))
        for product, category in zip(year.products.product_id, year.products.category, strict=True)
    ]


def _quantities(year: Year) -> dict[int, bytes]:
    """Return the bytes from a quantity up to the amount's digits."""
    return {n: b"".join((write_long(n), _text("amount"), _DOUBLE)) for n in set(year.lines.quantity.tolist())}


def _property(name: str, value: str) -> bytes:
    return b"".join((_text(name), _STRING, _text(value)))


def _text(text: str) -> bytes:
    raw = text.encode()
    return write_long(len(raw)) + raw
