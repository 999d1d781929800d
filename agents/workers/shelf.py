"""The versions of one model that a process can answer with."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

import structlog

from agents.workers.contract import ModelRefusedError, ServedModel
from agents.workers.kinds import SIGNALS, serve
from streams.records import ModelVersion

# Partitions of a history lie at most 7 stream-days apart, and a trainer publishes once a stream-day: twice that.
VERSIONS_MAX: Final = 16

_log = structlog.get_logger(__name__)


@dataclass
class Loaded:
    """A version that answers, and how many features it wants."""

    served: ServedModel
    inputs: int


class Shelf:
    """The last versions of a model, each loaded when it is first asked for."""

    def __init__(self) -> None:
        self._versions: dict[str, ModelVersion] = {}  # oldest first
        self._loaded: dict[str, Loaded | None] = {}  # None = refused
        self._by_artefact: dict[bytes, str] = {}  # a calibrated version repeats its artefact: load it once

    def put(self, version: ModelVersion) -> None:
        """Keep a version, and drop the oldest beyond the bound; signals and repeats change nothing."""
        if version.kind in SIGNALS or version.version in self._versions:
            return
        self._versions[version.version] = version
        while len(self._versions) > VERSIONS_MAX:
            oldest = next(iter(self._versions))
            del self._versions[oldest]
            self._loaded.pop(oldest, None)

    def has(self, version: str) -> bool:
        """Tell whether the version has come in and is still kept."""
        return version in self._versions

    def names(self) -> list[str]:
        """Return the versions kept, oldest first."""
        return list(self._versions)

    def get(self, version: str) -> Loaded | None:
        """Return the version ready to answer; None if it is unknown or was refused."""
        if version in self._loaded:
            return self._loaded[version]
        kept = self._versions.get(version)
        if kept is None:
            return None
        fingerprint = hashlib.sha256("\0".join([kept.kind, *kept.inputs]).encode() + b"\0" + kept.artefact).digest()
        twin = self._loaded.get(self._by_artefact.get(fingerprint, ""))
        if twin is None:
            twin = _load(kept)
        self._by_artefact = {key: name for key, name in self._by_artefact.items() if name in self._loaded}
        self._by_artefact[fingerprint] = version
        self._loaded[version] = twin
        return twin


def _load(version: ModelVersion) -> Loaded | None:
    try:
        return Loaded(serve(version), len(version.inputs))
    except ModelRefusedError as error:
        _log.error("model version refused", model=version.model, version=version.version, why=str(error))
        return None
