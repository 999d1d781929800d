"""Source `models`: versions that trainers publish, heartbeats of the processes that serve them."""

from __future__ import annotations

from typing import Final

from aiokafka import ConsumerRecord

from agents.codecs.avro import decode_model_version
from agents.codecs.errors import Undecodable
from agents.workers.inline import InlineModels
from streams.inputs import Input, ModelInput
from streams.propose import VERSION_MAX
from streams.records import ModelVersion

CALIBRATOR_MAX: Final = 1_000  # edges; a trainer's has 20. A shard's row of a model has those of 16 versions


class ModelShelf:
    """What this worker knows of models: inline ones are loaded here, once for all its shards."""

    def __init__(self, inline: InlineModels) -> None:
        self.inline: Final = inline

    def learn(self, record: ConsumerRecord[bytes, bytes]) -> ModelVersion | None:
        """Load the version that a record holds, if it is an inline model's; return what the record says.

        Raises Undecodable.
        """
        if record.value is None:
            return None
        version = decode_model_version(record.value)
        _check(version)
        self.inline.learn(version)
        return version

    def decode(self, record: ConsumerRecord[bytes, bytes]) -> list[Input]:
        """Return the record as the step's input; raises Undecodable."""
        version = self.learn(record)
        return [] if version is None else [ModelInput(version)]


def _check(version: ModelVersion) -> None:
    """Raise Undecodable where a version says more than the row of its model has room for."""
    calibrator = version.calibrator
    names = {"model": version.model, "version": version.version}
    if calibrator is not None:
        names["calibrator_id"] = calibrator.calibrator_id
    for field, name in names.items():
        if len(name) > VERSION_MAX:
            raise Undecodable(f"invalid:{field}", f"expected at most {VERSION_MAX} characters, came {len(name)}")
    edges = max(len(calibrator.edges_ppb), len(calibrator.values_ppb)) if calibrator else 0
    if edges > CALIBRATOR_MAX:
        raise Undecodable("invalid:calibrator", f"expected at most {CALIBRATOR_MAX} edges, came {edges}")
