"""Faust agent of `proposals`: what model workers answer."""

from __future__ import annotations

from aiokafka import ConsumerRecord

from agents.applier import original
from agents.codecs.avro import decode_proposal_batch
from agents.codecs.errors import Undecodable
from streams.inputs import AnswersInput, Input, Refusal


def decode(record: ConsumerRecord) -> list[Input]:
    """Return one input for each answer of the batch; bytes that are no batch come as one Refusal."""
    source = original(record)
    try:
        batch = decode_proposal_batch(record.value)
    except Undecodable as error:
        return [AnswersInput("", Refusal(error.cause, error.detail), source)]
    return [AnswersInput(batch.model, item, source) for item in batch.items]
