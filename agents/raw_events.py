"""Faust agent of `raw-events`: what producers and delivery channels tell us."""

from __future__ import annotations

from aiokafka import ConsumerRecord

from agents.applier import original
from agents.codecs.raw import decode_raw
from streams.inputs import Input, RawInput


def decode(record: ConsumerRecord[bytes, bytes]) -> list[Input]:
    """Return the record as the step's input; raises Undecodable."""
    return [RawInput(decode_raw(record.value), original(record))]
