"""Inputs of a step and its outputs: everything that can happen to a shard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from streams.partition import partition_of
from streams.policy import Policy
from streams.records import Feature, ModelVersion, Origin, Proposal, RawEvent, RoutedEvent, Switch


@dataclass(slots=True)
class Original:
    """A record as Kafka holds it, for the dead letter."""

    origin: Origin
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]
    is_verbatim: bool = True  # the event says what these bytes say, and nothing else

    @property
    def verbatim(self) -> bytes | None:
        """Return the bytes, if they say all that the event says."""
        return self.value if self.is_verbatim else None


@dataclass(slots=True)
class RefusedInput:
    """Bytes that are no record of their topic."""

    cause: str
    detail: str
    original: Original
    is_event: bool  # they should have been an event


@dataclass(slots=True)
class RawInput:
    """A record of `raw-events`."""

    event: RawEvent
    original: Original


@dataclass(slots=True)
class RoutedInput:
    """A record of `routed-events`: an event that its owner has not seen yet."""

    event: RoutedEvent
    original: Original  # as the producer sent it


@dataclass(slots=True)
class AnswerInput:
    """One answer of a record of `proposals`."""

    model: str
    proposal: Proposal


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
    """A model's new version, a heartbeat of its process, or its trainer's release of a barrier."""

    version: ModelVersion


@dataclass(slots=True)
class SwitchInput:
    """An operator's order: nothing of this goes out from this step on, or it does again."""

    switch: Switch


@dataclass(slots=True)
class DueInput:
    """Time has passed: the first timer that is due on the wall clock fires."""


Input = (
    RefusedInput | RawInput | RoutedInput | AnswerInput | TickInput | PolicyInput | ModelInput | SwitchInput | DueInput
)


@dataclass(slots=True)
class Output:
    """A record for a topic."""

    noun: str  # of the topic
    model: str  # for topics per model
    key: str
    record: Any
    step: int
    raw: bytes | None = None  # bytes of the raw event that an accepted or routed event repeats unchanged


class Setting(NamedTuple):
    """The place of a shard in its deployment."""

    partition: int
    partitions: int
    live: bool  # the deployment's clock is the wall clock
    lockstep: bool = False  # two runs give the same bytes: nothing depends on the wall clock

    def owns(self, profile_id: str) -> bool:
        """Tell whether the person lives in this partition."""
        return partition_of(profile_id, self.partitions) == self.partition


class Due(NamedTuple):
    """A timer that fires."""

    is_deadline: bool  # of a round, on the wall clock; else a window of attribution, on the deployment's clock
    timer: tuple[int, str, str]  # due, id, profile_id


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
