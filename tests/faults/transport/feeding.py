"""Distinct events at a given rate, in order per partition, whatever the broker goes through meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from time import monotonic
from typing import NamedTuple

from tests import witness
from tests.toy_deployment import ToyDeployment, wait_until

SLICE_S = 0.02


class Flow(NamedTuple):
    """A stretch of the stream."""

    events: int
    rate: int  # a second


def feed(deployment: ToyDeployment, flows: Sequence[Flow], poison_every: int) -> int:
    """Write the events of all stretches, one after the other; return how many records were poison."""
    poisoned = 0
    with witness.feeder(deployment.broker, deployment.topic("raw-events")) as write:
        for flow in flows:
            records = _records(deployment, flow.events, poison_every)
            slice_records = int(flow.rate * SLICE_S)
            due = monotonic()
            while part := list(islice(records, slice_records)):
                write(part)
                poisoned += sum(value == POISON for _, _, value in part)
                due += SLICE_S
                wait_until(lambda due=due: monotonic() >= due, 60, "the feeder's clock")  # type: ignore[misc]
    return poisoned


POISON = b"\xff poison"


def _records(deployment: ToyDeployment, events: int, poison_every: int) -> Iterator[witness.Record]:
    for number, (partition, key, value) in enumerate(deployment.events(events), 1):
        yield partition, key, value
        if poison_every and number % poison_every == 0:
            yield partition, key, POISON
