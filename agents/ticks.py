"""Faust agent of `ticks`: the clock of a history goes on where no event moves it."""

from __future__ import annotations

from aiokafka import ConsumerRecord

from agents.codecs.avro import decode_tick
from streams.inputs import Input, TickInput


def decode(record: ConsumerRecord[bytes, bytes]) -> list[Input]:
    """Return the record as the step's input; raises Undecodable."""
    return [TickInput(decode_tick(record.value).ticked_at)]
