"""Faust agent of `routed-events`: events that came to another partition than their owner's."""

from __future__ import annotations

from aiokafka import ConsumerRecord

from agents.codecs.avro import decode_routed_event
from agents.codecs.prefix import raw_from_routed
from streams.inputs import Input, Original, RoutedInput


def decode(record: ConsumerRecord[bytes, bytes]) -> list[Input]:
    """Return the record as the step's input, with what the producer sent as its original; raises Undecodable."""
    routed = decode_routed_event(record.value)
    return [RoutedInput(routed, Original(routed.origin, None, raw_from_routed(record.value or b"", routed), []))]
