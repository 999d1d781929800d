"""Exploration and holdout: what is left to chance, so that we can learn and measure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from streams.policy.quantities import PPM
from streams.policy.reading import Node, Record

BUCKETS: Final = 10_000
PPM_PER_BUCKET: Final = PPM // BUCKETS


@dataclass(frozen=True, slots=True)
class Exploration:
    """The share of decisions that draws among all candidates near the best one."""

    epsilon_ppm: int
    delta_micro: int  # how far below the best score a candidate may be to be drawn
    salt: str


@dataclass(frozen=True, slots=True)
class Holdout:
    """The share of persons whom no promotion reaches, and the seed that picks them."""

    buckets: int  # of 10,000
    seed: str


def read_exploration(node: Node | None) -> Exploration:
    """Read the `exploration` section."""
    if node is None:
        return Exploration(0, 0, "explore:v1")
    record = node.record("section", ("epsilon", "delta"), ("salt",))
    return Exploration(record.ppm("epsilon", 0, 0, PPM), record.money("delta"), _told(record, "salt", "explore:v1"))


def read_holdout(node: Node | None) -> Holdout:
    """Read the `holdout` section."""
    if node is None:
        return Holdout(0, "")
    record = node.record("section", ("share", "seed"), ())
    share = record.ppm("share", 0, 0, PPM)
    if share % PPM_PER_BUCKET:
        record.wrong("share", f"expected a multiple of {1 / BUCKETS}: persons fall in {BUCKETS:,} buckets")
    return Holdout(share // PPM_PER_BUCKET, _told(record, "seed", "-"))


def _told(record: Record, field: str, default: str) -> str:
    text = record.text(field, default)
    if not text:
        record.wrong(field, "expected some text")
    return text
