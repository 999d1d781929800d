"""Source `models`: versions that trainers publish, heartbeats of the processes that serve them."""

from __future__ import annotations

from typing import Final

from aiokafka import ConsumerRecord

from agents.codecs.avro import decode_model_version
from agents.workers.inline import InlineModels
from streams.inputs import Input, ModelInput
from streams.records import ModelVersion


class ModelShelf:
    """What this worker knows of models: inline ones are loaded here, once for all its shards."""

    def __init__(self, inline: InlineModels) -> None:
        self.inline: Final = inline

    def learn(self, record: ConsumerRecord[bytes, bytes]) -> ModelVersion | None:
        """Load the version that a record holds, if it is an inline model's; return what the record says."""
        if record.value is None:
            return None
        version = decode_model_version(record.value)
        self.inline.learn(version)
        return version

    def decode(self, record: ConsumerRecord[bytes, bytes]) -> list[Input]:
        """Return the record as the step's input."""
        version = self.learn(record)
        return [] if version is None else [ModelInput(version)]
