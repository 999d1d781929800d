"""What the judge is told beside the log, and the definitions that the parts of the judge share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import msgspec

ACCEPTED: Final = "accepted"
DUPLICATE: Final = "duplicate"
REPORTS: Final = ("activation_delivered", "activation_rejected")
# Places in the evidence.
READINGS, FAILED, EXPLORED, SELECTION, CHOSEN, GHOST, SEALED = 4, 5, 14, 15, 18, 19, 22


class Fed(NamedTuple):
    """One record as it was fed, and what has to become of it."""

    partition: int
    key: bytes
    value: bytes | None
    fate: str  # accepted | duplicate | the cause of its dead letter
    home: int  # partition of its person
    event: dict[str, Any] | None  # as it is accepted; None = it is none
    alias: str = ""  # the name under which it came, where that is only linked to its person


@dataclass(frozen=True)
class Case:
    """What the judge is told beside the log."""

    fed: list[Fed]  # in the order of feeding
    homes: dict[str, int]  # person -> partition
    bundle: dict[str, Any]  # the policy, as it was published
    filters: list[str]  # names of the filters, as the evidence has them


Flaws = Iterator[str]


def evidence_of(decision: dict[str, Any]) -> list[Any]:
    """Return the evidence's array."""
    assert decision["evidence"][:1] == b"\x01"
    told: list[Any] = msgspec.msgpack.decode(decision["evidence"][1:])
    return told


def repeated(found: Iterator[Any]) -> list[Any]:
    """Return what is there more than once."""
    return [one for one, times in Counter(found).items() if times > 1]
