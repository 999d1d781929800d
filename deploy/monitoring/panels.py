"""What a dashboard is: a question, and panels that answer it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

RATE: Final = "$__rate_interval"  # Grafana's: four scrapes, or more where a point of the graph spans more

Unit = Literal["short", "s", "ops", "percentunit", "bytes", "per_hour"]


@dataclass(frozen=True)
class Query:
    """One expression and how its series are named."""

    expression: str
    legend: str


@dataclass(frozen=True)
class Panel:
    """One graph; `meaning` is what a reader who sees it for the first time has to know."""

    title: str
    meaning: str
    unit: Unit
    queries: tuple[Query, ...]
    is_number: bool = False  # one number each instead of a graph


@dataclass(frozen=True)
class Dashboard:
    """One dashboard."""

    name: str  # of its file, and its address in Grafana
    title: str
    question: str
    panels: tuple[Panel, ...]


def rate(counter: str, by: str = "") -> str:
    """Return how often a second something is counted."""
    return f"sum{f' by ({by})' if by else ''} (rate({counter}[{RATE}]))"


def quantile(share: float, histogram: str, by: str = "") -> str:
    """Return below what a share of the observations lies."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, sum by ({labels}) (rate({histogram}_bucket[{RATE}])))"


def graph(title: str, meaning: str, unit: Unit, *queries: tuple[str, str]) -> Panel:
    """Return a graph of these (expression, legend)."""
    return Panel(title, meaning, unit, tuple(Query(*one) for one in queries))


def number(title: str, meaning: str, unit: Unit, *queries: tuple[str, str]) -> Panel:
    """Return the present numbers of these (expression, legend)."""
    return Panel(title, meaning, unit, tuple(Query(*one) for one in queries), is_number=True)
