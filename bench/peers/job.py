"""What a peer is told and what it tells: its job in the environment, and two words on standard output.

It says `begin` before its first event, or its first after so many to warm up, and `end` once everything is committed;
the harness reads the clocks at these two words and kills it after the second. Peers run in environments of their own:
nothing here needs more than the standard library and msgspec.
"""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import dataclass
from typing import Final, NoReturn, Self

import msgspec

PREFIX: Final = "BENCH_"


class Event(msgspec.Struct):
    """What is fed."""

    n: int
    key: str
    amount: float
    text: str


class Doubled(msgspec.Struct):
    """An event with the field that W1 adds."""

    n: int
    key: str
    amount: float
    text: str
    doubled: float


class Row(msgspec.Struct, array_like=True):
    """What W2 keeps of one person."""

    events: int = 0
    total: float = 0.0
    offset: int = -1


decode_event: Final = msgspec.json.Decoder(Event).decode
encode_doubled: Final = msgspec.json.Encoder().encode
encode_row: Final = msgspec.msgpack.Encoder().encode
decode_row: Final = msgspec.msgpack.Decoder(Row).decode


def doubled(value: bytes) -> bytes:
    """Return W1's output for an event."""
    event = decode_event(value)
    return encode_doubled(Doubled(event.n, event.key, event.amount, event.text, event.amount * 2))


@dataclass(frozen=True)
class Job:
    """What to do with which topics."""

    work: str  # "W0" passes records through, "W1" adds a field, "W2" keeps a row and passes through
    broker: str
    source: str
    output: str
    changelog: str
    group: str  # of this run alone
    partitions: int
    events: int  # 0 = until killed
    warm: int  # events before the measured part
    commit_ms: int

    @classmethod
    def load(cls) -> Self:
        """Read the job from the environment."""
        told = {name: os.environ[PREFIX + name.upper()] for name in cls.__dataclass_fields__}
        numbers = {name: int(told[name]) for name in ("partitions", "events", "warm", "commit_ms")}
        return cls(**{**told, **numbers})  # type: ignore[arg-type]  # the rest are texts

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment from which `load` makes the same job."""
        return {PREFIX + name.upper(): str(getattr(self, name)) for name in self.__dataclass_fields__}


class Progress:
    """Counts what was applied and says the two words."""

    def __init__(self, job: Job) -> None:
        """Begin at nothing."""
        self.applied = 0
        self._job = job
        self._has_begun = False

    def begin(self) -> None:
        """Say so if the measured part begins now; to be called before a run of events is applied."""
        if not self._has_begun and self.applied >= self._job.warm:
            self._has_begun = True
            say("begin")

    def is_complete(self) -> bool:
        """Tell whether everything was applied."""
        return 0 < self._job.events <= self.applied

    def end(self) -> NoReturn:
        """Say that everything is committed, and wait to be killed."""
        say("end")
        wait_killed()


def wait_killed() -> NoReturn:
    """Do nothing more."""
    while True:
        signal.pause()


def say(word: str) -> None:
    """Tell the harness."""
    sys.__stdout__.write(f"\n{word}\n")  # type: ignore[union-attr]  # a framework may have begun a line
    sys.__stdout__.flush()  # type: ignore[union-attr]
