"""The kinds of models there are, and how a version becomes one that answers."""

from __future__ import annotations

import importlib
from typing import Final

import structlog

from agents.codecs.avro import decode_model_version
from agents.codecs.errors import Undecodable
from agents.workers.contract import ModelRefusedError, ServedModel
from streams.records import ModelVersion

HEARTBEAT: Final = "heartbeat"
RELEASE: Final = "release"  # of a barrier, in lockstep
SIGNALS: Final = frozenset({HEARTBEAT, RELEASE})  # what stands on `models` beside versions
KINDS: Final = {  # kind -> module and class, imported when first served: each brings a library of its own
    "onnx": ("agents.workers.onnx", "OnnxModel"),
    "online": ("agents.workers.online", "OnlineModel"),
}

_log = structlog.get_logger(__name__)


def heard(value: bytes | None) -> ModelVersion | None:
    """Return what a record of `models` says; None for a tombstone, and for bytes that nobody of ours wrote.

    Of those every shard makes a dead letter; here they must not end a process that would read them again and again.
    """
    try:
        return decode_model_version(value) if value is not None else None
    except Undecodable as error:
        _log.error("no version of a model", why=str(error))
        return None


def serve(version: ModelVersion) -> ServedModel:
    """Return the version loaded; raise ModelRefusedError if it cannot be served."""
    if version.kind not in KINDS:
        raise ModelRefusedError(f"expected a model of kind {' or '.join(sorted(KINDS))}; got {version.kind!r}")
    module, name = KINDS[version.kind]
    served: ServedModel = getattr(importlib.import_module(module), name)()
    served.load(version.artefact, version.inputs)
    return served
