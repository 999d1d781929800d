"""The deployment's clock of one shard: what passes as it moves, and where it is held.

The clock is the wall clock when live and the largest accepted event time in a history.  A timer that an input passes
fires before it: then that timer only, and the input is applied again.  In lockstep a barrier comes before its input too
(`barriers.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from streams.barriers import Barriers
from streams.inputs import Due, Setting
from streams.outbox import Outbox
from streams.policy import Policy
from streams.state import State, Timer


class Clock:
    """The clock, with its timers and barriers; `fire` does what a timer is for."""

    def __init__(
        self,
        state: State,
        policies: Mapping[str, Policy],
        out: Outbox,
        setting: Setting,
        fire: Callable[[Timer, int], None],
    ) -> None:
        self.firing: Due | None = None  # the timer that fired instead of the input
        self.held = False  # in lockstep: a barrier keeps the input, or the round that a timer has opened
        self.barriers: Final = Barriers(state, policies, out) if setting.lockstep and not setting.live else None
        self._state: Final = state
        self._live: Final = setting.live
        self._fire: Final = fire

    def now(self, wall: int) -> int:
        """Return the deployment's time."""
        return wall if self._live else self._state.shard.clock

    def passes(self, to: int, wall: int) -> bool:
        """Stop at a barrier on the way, or fire the first timer that is due by then; else move a history's clock."""
        barrier = self.barriers.ahead(to) if self.barriers is not None else 0
        timer = self._state.timers.pop(wall if self._live else barrier or to)
        if timer is not None:
            self.firing = Due(False, timer)
            self._move(timer[0])
            self._fire(timer, wall)
            self.held = self.barriers is not None and self._state.rounds_open > 0
            return True
        if self.barriers is not None and barrier:
            self.held = self.barriers.reach(barrier)
            return self.held or self.passes(to, wall)
        self._move(to)
        return False

    def _move(self, to: int) -> None:
        if not self._live and to > self._state.shard.clock:
            self._state.shard.clock = to
            self._state.keep_shard()

    def wake_at(self) -> int | None:
        """Return the wall time of the next timer."""
        due = [self._state.deadlines.first(), self._state.timers.first() if self._live else None]
        return min((at for at in due if at is not None), default=None)
