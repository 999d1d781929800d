"""Faust agent of `raw-events`: what producers and delivery channels tell us."""

from __future__ import annotations

from aiokafka import ConsumerRecord

from agents.applier import original
from agents.codecs.errors import Undecodable
from agents.codecs.raw import decode_raw
from streams.inputs import Input, RawInput, Refusal


def decode(record: ConsumerRecord) -> list[Input]:
    """Return the record as the step's input; bytes that are no event come as a Refusal."""
    try:
        return [RawInput(decode_raw(record.value), original(record))]
    except Undecodable as error:
        return [RawInput(Refusal(error.cause, error.detail), original(record))]
