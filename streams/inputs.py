"""Inputs of a step and its outputs: everything that can happen to a shard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from streams.policy import Policy
from streams.records import Feature, ModelVersion, Origin, Proposal, RawEvent, RoutedEvent


@dataclass(slots=True)
class Refusal:
    """Why bytes are no record: decoding failed, and *ingest* decides what becomes of them."""

    cause: str
    detail: str


@dataclass(slots=True)
class Original:
    """A record as Kafka holds it, for the dead letter."""

    origin: Origin
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


@dataclass(slots=True)
class RawInput:
    """A record of `raw-events`."""

    event: RawEvent | Refusal
    original: Original


@dataclass(slots=True)
class RoutedInput:
    """A record of `routed-events`: an event that its owner has not seen yet."""

    event: RoutedEvent | Refusal
    original: Original


@dataclass(slots=True)
class AnswersInput:
    """One answer of a record of `proposals`."""

    model: str
    proposal: Proposal | Refusal
    original: Original


@dataclass(slots=True)
class TickInput:
    """A record of `ticks`: the clock of this history is at least this."""

    ticked_at: int


@dataclass(slots=True)
class PolicyInput:
    """The policy that is current from this step on."""

    policy: Policy


@dataclass(slots=True)
class ModelInput:
    """A model's new version, or a heartbeat of its process."""

    version: ModelVersion


@dataclass(slots=True)
class DueInput:
    """Time has passed; only machines wait for the wall clock, so only this input brings it."""


Input = RawInput | RoutedInput | AnswersInput | TickInput | PolicyInput | ModelInput | DueInput


@dataclass(slots=True)
class Output:
    """A record for a topic."""

    noun: str  # of the topic
    model: str  # for topics per model
    key: str
    record: Any
    step: int
    raw: bytes | None = None  # bytes of the raw event that an accepted or routed event repeats unchanged


class Models(Protocol):
    """Models that answer at once, inside the process."""

    def answer(self, name: str, version: str, features: list[Feature]) -> list[float] | None:
        """Return the model's outputs; None if it has no such version or failed."""


class Vault(Protocol):
    """Keys of persons, and the sealing of what is theirs."""

    def new_key(self, profile_id: str) -> bytes:
        """Return a new key for a person."""

    def seal(self, key: bytes, plaintext: bytes, decision_id: str) -> bytes:
        """Encrypt; the same three arguments give the same bytes."""
