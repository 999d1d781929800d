"""The dispatch ledger of one delivery channel: which activations it intends to deliver, and which are done.

Two phases around the effect, each committed before the next thing happens: `intended`, the delivery, `done`. A crash
between them leaves an `intended` without `done`: whether that one was delivered, only the delivery channel can tell.
`owed` takes an intention back of which it is certain that nothing was sent; `unknown` is one of which nobody can say,
which is asked about and never sent again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from streams.records import Dispatch

INTENDED: Final = "intended"
OWED: Final = "owed"
UNKNOWN: Final = "unknown"
DONE: Final = "done"
KEPT_MS: Final = 30 * 86_400_000  # the longest a repetition can come after its original
FORGOTTEN_MAX: Final = 500  # in one batch: bounds what a transaction carries besides


class Ledger:
    """States by activation, oldest first."""

    def __init__(self, delivery_channel: str) -> None:
        self._delivery_channel = delivery_channel
        self._states: dict[str, tuple[str, int]] = {}  # activation_id -> state, noted at
        self._latest = 0

    def take(self, entry: Dispatch) -> None:
        """Take up an entry that is on the topic; another delivery channel's changes nothing."""
        if entry.delivery_channel == self._delivery_channel:
            self._put(entry.activation_id, entry.state, entry.noted_at)

    def has(self, activation_id: str, state: str) -> bool:
        """Tell whether the activation is in this state."""
        return self._states.get(activation_id, ("", 0))[0] == state

    def stamp(self, activation_id: str) -> int:
        """Return when the activation's last entry was noted."""
        return self._states[activation_id][1]

    def unfinished(self) -> set[str]:
        """Return the activations that are intended and not done."""
        return {one for one, (state, _) in self._states.items() if state == INTENDED}

    def enter(self, activation_ids: Iterable[str], state: str, stamps: Iterable[int]) -> list[Dispatch]:
        """Return the entries to write for these activations, and take them up."""
        entries = [
            Dispatch(one, self._delivery_channel, state, noted_at)
            for one, noted_at in zip(activation_ids, stamps, strict=True)
        ]
        for entry in entries:
            self.take(entry)
        return entries

    def forget(self) -> list[str]:
        """Return the activations whose entries nobody needs any more, at most FORGOTTEN_MAX, and drop them."""
        old: list[str] = []
        for one, (state, noted_at) in self._states.items():
            if len(old) == FORGOTTEN_MAX or noted_at > self._latest - KEPT_MS:
                break
            if state in (DONE, OWED):
                old.append(one)
        for one in old:
            del self._states[one]
        return old

    def _put(self, activation_id: str, state: str, noted_at: int) -> None:
        self._states.pop(activation_id, None)  # goes to the end: the order is that of the last entry
        self._states[activation_id] = (state, noted_at)
        self._latest = max(self._latest, noted_at)
