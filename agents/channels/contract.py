"""What a kind of delivery channel is: it delivers a batch, and can tell afterwards what it has delivered."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from streams.records import Activation


class DeliveryKind(Protocol):
    """One way to deliver; the suite in `tests/contracts/test_channels.py` is the whole of the contract."""

    def delivered(self, activation_ids: Collection[str]) -> set[str]:
        """Return which of these it has delivered: asked of those that a crash left intended and not done."""

    def deliver(self, activations: Sequence[Activation], stamps: Sequence[int]) -> None:
        """Deliver all of them, each as of its stamp (deployment's clock); when this returns, a crash cannot undo it."""
