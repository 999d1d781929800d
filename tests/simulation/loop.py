"""An event loop for one simulated process: it runs what is ready, and time passes when the world says so.

So everything that a process does between two answers from outside is one step, and who is answered next is all the
chance there is.
"""

from __future__ import annotations

import asyncio
import heapq
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context
from dataclasses import dataclass
from itertools import count
from math import ceil
from typing import Any, Final, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

CALLBACKS_MAX: Final = 100_000  # between two answers; a process that wants more does not come to rest


@dataclass
class Clock:
    """The wall clock of a world."""

    ms: int


class VirtualLoop(asyncio.AbstractEventLoop):
    """What asyncio needs of a loop, without any I/O."""

    def __init__(self, clock: Clock) -> None:
        self.is_over = False  # set where a process ends itself: nothing more of it runs
        self._clock: Final = clock
        self._ready: Final[deque[asyncio.Handle]] = deque()
        self._timers: Final[list[tuple[float, int, asyncio.TimerHandle]]] = []
        self._tasks: Final[set[asyncio.Task[Any]]] = set()
        self._numbers: Final = count()

    def is_ready(self) -> bool:
        """Tell whether anything is to be run."""
        return bool(self._ready)

    def run(self) -> None:
        """Run what is ready and what follows from it."""
        events._set_running_loop(self)
        try:
            for _ in range(CALLBACKS_MAX):
                if self.is_over or not self._ready:
                    return
                handle = self._ready.popleft()
                if not handle.cancelled():
                    handle._run()
        finally:
            events._set_running_loop(None)
        raise AssertionError(f"a process ran {CALLBACKS_MAX} callbacks without waiting for anything")

    def next_timer(self) -> int | None:
        """Return the wall time at which something is due."""
        while self._timers and self._timers[0][2].cancelled():
            heapq.heappop(self._timers)
        return ceil(self._timers[0][0] * 1000) if self._timers else None

    def fire(self) -> None:
        """Make ready what is due."""
        while (due := self.next_timer()) is not None and due <= self._clock.ms:
            self._ready.append(heapq.heappop(self._timers)[2])

    def clear(self) -> None:
        """Unwind every task, as a process that is gone would not: nothing may be left for the garbage collector."""
        while self._tasks:
            self.is_over = False
            for task in list(self._tasks):
                task.cancel()
            self.run()
        self.is_over = True

    # what asyncio asks for

    def time(self) -> float:
        return self._clock.ms / 1000

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_later(
        self, delay: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, next(self._numbers), handle))
        return handle

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(
        self, coro: Generator[Any, None, T] | Coroutine[Any, Any, T], *, name: str | None = None,
        context: Context | None = None,
    ) -> asyncio.Task[T]:  # fmt: skip
        task = asyncio.Task(coro, loop=self, name=name, context=context)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Say nothing: whoever ends badly has said so to the world, and what nobody awaited concerned nobody."""

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Leave it where it is; `next_timer` passes it by."""
