"""Purchases and leave-takings in turn, open loop: the one asks a model that may be slow, the other does not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from agents.codecs.avro import decode_decision
from bench import crowd, meter
from bench.feeding import Record
from streams.records import RawEvent

PEOPLE: Final = 5_000


def record(n: int) -> Record:
    """Return event n as it is fed."""
    return crowd.record(event(n))


def event(n: int) -> RawEvent:
    """Return event n."""
    make = crowd.purchase if n % 2 else crowd.leaving
    return make(n, n % PEOPLE, meter.wall_ms())


def name(n: int) -> str:
    """Return by what event n is found again, if the slow model is not asked about it; else ""."""
    return "" if n % 2 else crowd.decision_id(event(n))


def names(_topic: str) -> Callable[[bytes], Iterable[str]]:
    """Return how to find out which event a decision came of."""
    return lambda value: [decode_decision(value).decision_id]
