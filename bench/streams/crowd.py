"""The events of the crowd, open loop: one in ten is a purchase, of which come a decision, requests, an activation."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from agents.codecs.avro import decode_activation, decode_request_batch
from bench import crowd, meter
from bench.feeding import Record
from streams.records import RawEvent, Value

SHARE: Final = 10  # in the grocery year one event in 10.6 asks for a decision
PEOPLE: Final = 10_000

_TOLD: Final[dict[str, Value]] = {"age": 44, "member": True, "segment": "loyal", "complaint": False}


def record(n: int) -> Record:
    """Return event n as it is fed."""
    return crowd.record(event(n))


def event(n: int) -> RawEvent:
    """Return event n."""
    if n % SHARE == 0:
        return crowd.purchase(n, n // SHARE % PEOPLE, meter.wall_ms())
    return RawEvent(f"told-again-{n}", crowd.name_of(n % PEOPLE), "told", meter.wall_ms(), crowd.SOURCE, _TOLD)


def name(n: int) -> str:
    """Return by what event n is found again: the decision that it asks for, "" if it asks for none."""
    return crowd.decision_id(event(n)) if n % SHARE == 0 else ""


def names(topic: str) -> Callable[[bytes], Iterable[str]]:
    """Return how to find out which events an output of a topic came of."""
    if ".requests." in topic:
        return lambda value: [item.round_id for item in decode_request_batch(value).items]
    return lambda value: [decode_activation(value).decision_id]
