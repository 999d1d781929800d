"""Faust agent of `routed-events`: events that came to another partition than their owner's."""

from __future__ import annotations

from aiokafka import ConsumerRecord

from agents.applier import original
from agents.codecs.avro import decode_routed_event
from agents.codecs.errors import Undecodable
from streams.inputs import Input, Refusal, RoutedInput


def decode(record: ConsumerRecord) -> list[Input]:
    """Return the record as the step's input."""
    try:
        return [RoutedInput(decode_routed_event(record.value), original(record))]
    except Undecodable as error:
        return [RoutedInput(Refusal(error.cause, error.detail), original(record))]
