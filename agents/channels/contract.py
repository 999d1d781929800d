"""What a kind of delivery channel is: it delivers a few activations at a time, and may know what became of others."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple, Protocol

from streams.records import Activation

DELIVERED: Final = "delivered"
REJECTED: Final = "rejected"  # definitely not carried out, and never will be
BOUNCED: Final = "bounced"  # the same, because there is no such address
UNKNOWN: Final = "unknown"  # it was sent, and nobody said what became of it
OWED: Final = "owed"  # definitely not sent, and may still be
AGAIN: Final = "again"  # perhaps sent, and to be sent again under the same id: whoever takes it knows repetitions


class Fate(NamedTuple):
    """What became of an activation."""

    outcome: str
    reason: str = ""  # of OWED and AGAIN: why it failed; "" = it was not tried


class DeliveryKind(Protocol):
    """One way to deliver; the suite in `tests/contracts/test_channels.py` is the whole of the contract."""

    @property
    def repeats(self) -> bool:
        """Whether what may have been sent can be sent again: it is then still delivered once."""

    @property
    def is_resting(self) -> bool:
        """Whether it leaves alone whoever carries activations out, because most calls failed."""

    def room(self) -> int:
        """Return how many activations it takes now; 0 while it waits for whoever carries them out."""

    async def ask(self, activation_ids: Collection[str]) -> dict[str, Fate]:
        """Return what became of these, as far as it can tell; of one that is OWED it is certain that it was not sent.

        Asked of those that a crash left intended and not done, and of those whose fate is unknown.
        """

    async def deliver(self, activations: Sequence[Activation], stamps: Sequence[int]) -> list[Fate]:
        """Deliver these, each as of its stamp (deployment's clock); when this returns, a crash cannot undo it."""
