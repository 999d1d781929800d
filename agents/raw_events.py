"""Faust agent of `raw-events`: what producers and delivery channels tell us."""

from __future__ import annotations

from typing import Final

from aiokafka import ConsumerRecord

from agents.applier import original
from agents.codecs.cloudevents import decode_cloud_event
from agents.codecs.framing import refused
from agents.codecs.raw import decode_raw
from agents.registry.foreign import Foreign
from agents.traces import traceparent_of
from streams.inputs import Input, RawInput
from streams.topology import BY_NOUN

# An accepted or forwarded event is the producer's with up to 3 KiB behind it: an alias, where it came from.
VALUE_BYTES_MAX: Final = BY_NOUN["events"].record_bytes_max - (8 << 10)


def decode(record: ConsumerRecord[bytes, bytes], foreign: Foreign | None = None) -> list[Input]:
    """Return the record as the step's input; raises Undecodable. `foreign`: what a registry says of ids not ours.

    A producer that is traced says so in the event, or as its libraries do in a header `traceparent`.
    """
    value = record.value
    if value is not None and len(value) > VALUE_BYTES_MAX:  # compressed, it was smaller than the topic's limit
        raise refused("size", f"expected at most {VALUE_BYTES_MAX} bytes, came {len(value)}")
    event = decode_cloud_event(value, record.headers) if record.headers else None
    if event is None and foreign is not None and value is not None:
        event = foreign.decode(value)
    if event is None:
        event = decode_raw(value)
    origin = original(record)
    if record.headers and event.traceparent is None:
        event.traceparent = traceparent_of(record.headers)
        origin.is_verbatim = event.traceparent is None
    return [RawInput(event, origin)]
