"""Faust agent of `proposals`: what model workers answer."""

from __future__ import annotations

from aiokafka import ConsumerRecord

from agents.codecs.avro import decode_proposal_batch
from streams.inputs import AnswerInput, Input


def decode(record: ConsumerRecord[bytes, bytes]) -> list[Input]:
    """Return one input for each answer of the batch; raises Undecodable."""
    batch = decode_proposal_batch(record.value)
    return [AnswerInput(batch.model, item) for item in batch.items]
