"""Requests between processes and the log: each is carried out, and answered, when the world says so.

A request can get lost, or its answer; one on its way when its process ends may still arrive.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from aiokafka.errors import KafkaError, KafkaTimeoutError

from tests.simulation.loop import Clock, VirtualLoop

T = TypeVar("T")


@dataclass(eq=False, slots=True)
class Call:
    """One request on its way."""

    what: str
    line: Line
    carry_out: Callable[[], Any]
    answer: asyncio.Future[Any]
    order: Hashable  # requests of one order arrive one after the other; None = in any order
    is_due: Callable[[], bool] | None  # whether the broker answers it already; None = at once
    is_write: bool

    def __str__(self) -> str:
        return f"{self.line.name} {self.what}"


class Network:
    """All requests on their way, oldest first."""

    def __init__(self, clock: Clock) -> None:
        self.clock: Final = clock
        self.calls: Final[list[Call]] = []

    def arriving(self) -> list[Call]:
        """Return the requests of which one may be carried out next."""
        found, orders = [], set()
        for call in self.calls:
            if call.order is not None:
                if call.order in orders:
                    continue
                orders.add(call.order)
            if call.is_due is None or call.is_due():
                found.append(call)
        return found

    def carry_out(self, call: Call, *, is_answered: bool = True) -> None:
        """Let a request arrive, and its answer too, or not."""
        self.calls.remove(call)
        result: object = None
        error: KafkaError | None = None
        try:
            result = call.carry_out()
        except KafkaError as refused:
            error = refused
        if not is_answered:
            error = KafkaTimeoutError(f"no answer to `{call.what}`")
        call.line.answer(call, result, error)

    def lose(self, call: Call) -> None:
        """Let a request get lost on its way."""
        self.calls.remove(call)
        call.line.answer(call, None, KafkaTimeoutError(f"`{call.what}` did not arrive"))


class Line:
    """One process's end of the network; while the process is frozen, answers wait for it."""

    def __init__(self, name: str, network: Network, loop: VirtualLoop) -> None:
        self.name: Final = name
        self.is_cut = False  # the process is gone
        self.is_frozen = False
        self.loop: Final = loop
        self._network: Final = network
        self._waiting: list[tuple[asyncio.Future[Any], object, KafkaError | None]] = []

    async def call(
        self, what: str, carry_out: Callable[[], T], *, order: Hashable = None,
        is_due: Callable[[], bool] | None = None, is_write: bool = False, patience_s: float | None = None,
        otherwise: Callable[[], T] | None = None,
    ) -> T:  # fmt: skip
        """Send a request and wait for its answer; after `patience_s` the answer is what `otherwise` returns."""
        if self.is_cut:
            raise asyncio.CancelledError
        call = Call(what, self, carry_out, self.loop.create_future(), order, is_due, is_write)
        self._network.calls.append(call)
        timer = None
        if patience_s is not None and otherwise is not None:
            timer = self.loop.call_later(patience_s, self._give_up, call, otherwise)
        try:
            answer: T = await call.answer
            return answer
        finally:
            if timer is not None:
                timer.cancel()
            if not is_write and call in self._network.calls:
                self._network.calls.remove(call)

    def answer(self, call: Call, result: object, error: KafkaError | None) -> None:
        """Bring an answer to the process."""
        if self.is_frozen:
            self._waiting.append((call.answer, result, error))
        elif not self.is_cut:
            _settle(call.answer, result, error)

    def thaw(self) -> None:
        """Bring what has come meanwhile."""
        self.is_frozen = False
        waiting, self._waiting = self._waiting, []
        for future, result, error in waiting:
            _settle(future, result, error)

    def cut(self) -> None:
        """Take the process off the network; what it wrote is on its way."""
        self.is_cut = True

    def _give_up(self, call: Call, otherwise: Callable[[], object]) -> None:
        if call in self._network.calls:
            self._network.calls.remove(call)
            _settle(call.answer, otherwise(), None)


def _settle(future: asyncio.Future[Any], result: object, error: KafkaError | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
