"""What the judge is told beside the log, and the definitions that the parts of the judge share."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, NamedTuple

import msgspec

ACCEPTED: Final = "accepted"
DUPLICATE: Final = "duplicate"
REPORTS: Final = ("activation_delivered", "activation_rejected")
# Places in the evidence.
READINGS, FAILED, EXPLORED, SELECTION, CHOSEN, GHOST, DEFERRED, SEALED = 4, 5, 14, 15, 18, 19, 20, 23
FORMER: Final = b"\x01"  # version of evidence without deferrals: what is upgraded may still write it
# Sections by which people are followed between decisions: of these a deployment has one, whatever is published.
FOLLOWED: Final = ("zone", "categories", "events", "features", "models", "outcomes", "decision_points")


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
    later: list[dict[str, Any]] = field(default_factory=list)  # policies published while it was fed, in that order

    def __post_init__(self) -> None:
        for bundle in self.later:
            changed = [name for name in FOLLOWED if bundle.get(name) != self.bundle.get(name)]
            assert not changed, f"the judge follows a person through one {changed}, a later policy has another"

    @cached_property
    def policies(self) -> dict[str, dict[str, Any]]:
        """Return the policies by their hash, in the order of publication."""
        return {hash_of(bundle): bundle for bundle in [self.bundle, *self.later]}


Flaws = Iterator[str]


def hash_of(bundle: dict[str, Any]) -> str:
    """Return the hash under which a policy is published."""
    return hashlib.sha256(json.dumps(bundle, sort_keys=True, separators=(",", ":"), default=str).encode()).hexdigest()


def evidence_of(decision: dict[str, Any]) -> list[Any]:
    """Return the evidence's array."""
    told: list[Any] = msgspec.msgpack.decode(decision["evidence"][1:])
    if decision["evidence"][:1] == FORMER:
        told.insert(DEFERRED, -1)
    return told


def repeated(found: Iterator[Any]) -> list[Any]:
    """Return what is there more than once."""
    return [one for one, times in Counter(found).items() if times > 1]
