"""Distinct events at a given rate, in order per partition, whatever the broker goes through meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from threading import Event
from time import monotonic
from typing import NamedTuple

from tests import witness
from tests.toy_deployment import ToyDeployment, wait_until

SLICE_S = 0.02
HURRY = 100_000  # events a second, more than two workers take


class Flow(NamedTuple):
    """A stretch of the stream."""

    events: int
    rate: int  # a second


def feed(deployment: ToyDeployment, flows: Sequence[Flow], poison_every: int, in_a_hurry: Event) -> int:
    """Write the events of all stretches, one after the other; return how many records were poison.

    Once in a hurry, what is left comes at full speed: a fault that takes its time is not outlasted, nor waited for.
    """
    poisoned = 0
    with witness.feeder(deployment.broker, deployment.topic("raw-events")) as write:
        for flow in flows:
            records = _records(deployment, flow.events, poison_every)
            due = monotonic()
            while part := list(islice(records, int((HURRY if in_a_hurry.is_set() else flow.rate) * SLICE_S))):
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
