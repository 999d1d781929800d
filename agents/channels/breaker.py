"""A circuit breaker: whoever fails most of the time is left alone, then tried with one call before all the others.

Closed, calls go through and failures are counted over a window. Too large a share of them opens it: no call goes
through until its rest is over. Then it is half open: one probe goes through, whose success closes it and whose failure
opens it again, for longer. A call that is cancelled says nothing of the other side, so it counts as neither.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Final, Literal

WINDOW_S: Final = 10.0
CALLS_MIN: Final = 5  # in the window, before a share of them says anything
FAILED_SHARE: Final = 0.5
REST_S: Final = 1.0  # doubled by each probe that fails, up to
REST_S_MAX: Final = 30.0

Call = Literal["usual", "probe"]


class Breaker:
    """The breaker before one provider."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock: Final = clock
        self._calls: Final[deque[tuple[float, bool]]] = deque()  # (when it ended, failed)
        self._opened_at: float | None = None
        self._rest_s = REST_S
        self._is_probing = False

    @property
    def is_closed(self) -> bool:
        """Whether calls go through as usual."""
        return self._opened_at is None

    def room(self, at_most: int) -> int:
        """Return how many calls may begin now: all, one probe or none."""
        if self._opened_at is None:
            return at_most
        rested = self._clock() - self._opened_at >= self._rest_s
        return int(rested and not self._is_probing)

    def begin(self) -> Call | None:
        """Begin a call; None if it may not be made."""
        if self._opened_at is None:
            return "usual"
        if not self.room(1):
            return None
        self._is_probing = True
        return "probe"

    def end(self, call: Call, error: BaseException | None) -> None:
        """End a call that was begun: None if it went well."""
        if call == "probe":
            self._is_probing = False
        if isinstance(error, asyncio.CancelledError):
            return
        if call == "probe":
            if error is None:
                self._opened_at, self._rest_s = None, REST_S
                self._calls.clear()
            else:
                self._opened_at, self._rest_s = self._clock(), min(2 * self._rest_s, REST_S_MAX)
            return
        if self._opened_at is not None:
            return  # it was begun before the others failed: they have told
        now = self._clock()
        self._calls.append((now, error is not None))
        while self._calls[0][0] <= now - WINDOW_S:
            self._calls.popleft()
        failed = sum(failed for _, failed in self._calls)
        if len(self._calls) >= CALLS_MIN and failed >= FAILED_SHARE * len(self._calls):
            self._opened_at = now
