"""Faust agent of `raw-events`: what producers and delivery channels tell us."""

from __future__ import annotations

from aiokafka import ConsumerRecord

from agents.applier import original
from agents.codecs.raw import decode_raw
from agents.traces import traceparent_of
from streams.inputs import Input, RawInput


def decode(record: ConsumerRecord[bytes, bytes]) -> list[Input]:
    """Return the record as the step's input; raises Undecodable.

    A producer that is traced says so in the event, or as its libraries do in a header `traceparent`.
    """
    event, origin = decode_raw(record.value), original(record)
    if record.headers and event.traceparent is None:
        event.traceparent = traceparent_of(record.headers)
        origin.is_verbatim = event.traceparent is None
    return [RawInput(event, origin)]
