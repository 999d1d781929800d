"""Batches on their way: what a worker's transaction has for each partition of each topic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from aiokafka import TopicPartition

from agents.transport.transactions import Batch, Transactions

Batches = dict[TopicPartition, list[Batch]]


class Route:
    """Batches on their way to one partition of one topic, in order.

    Whoever has a record writes it into the last batch: `write(count, …)`, then `count += 1`, or `begin` where it was
    refused. A function around that would cost as much as the writing.
    """

    __slots__ = ("_transactions", "batches", "count", "tp", "write")

    def __init__(self, transactions: Transactions, tp: TopicPartition) -> None:
        self._transactions, self.tp = transactions, tp
        self.batches: list[Batch] = []
        self.count = 0  # records in the last batch
        self.write: Callable[..., Any] = _refuse  # into the last batch; returns None when that one is full

    def begin(self, now: int, key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]) -> None:
        """Begin another batch; its first record is taken however large, for limits are the topics' and the broker's."""
        self._seal()
        batch = self._transactions.open_batch()
        self.batches.append(batch)
        self.write = batch.write
        self.write(0, now, key, value, headers)
        self.count = 1

    def append(self, now: int, key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]) -> None:
        """Write one record."""
        if self.write(self.count, now, key, value, headers) is None:
            self.begin(now, key, value, headers)
        else:
            self.count += 1

    def take(self) -> list[Batch]:
        """Return the batches and begin anew."""
        self._seal()
        taken, self.batches = self.batches, []
        return taken

    def _seal(self) -> None:
        if self.batches:
            self.batches[-1].count = self.count
        self.count, self.write = 0, _refuse


class Routes:
    """A worker's routes, each opened when it is first needed."""

    def __init__(self, transactions: Transactions, is_early: Callable[[str], bool]) -> None:
        """Open none; records of a topic that `is_early` are sent before they are committed."""
        self._transactions: Final = transactions
        self._is_early: Final = is_early
        self._routes: Final[dict[tuple[str, int], Route]] = {}
        self._early: Final[list[Route]] = []

    def open(self, topic: str, partition: int) -> Route:
        """Return where records of a partition go."""
        route = self._routes.get((topic, partition))
        if route is None:
            route = self._routes[topic, partition] = Route(self._transactions, TopicPartition(topic, partition))
            if self._is_early(topic):
                self._early.append(route)
        return route

    def take(self) -> Batches:
        """Return all that is to be sent."""
        return {route.tp: route.take() for route in self._routes.values() if route.batches}

    def take_early(self) -> Batches:
        """Return what is to be sent before it is committed."""
        return {route.tp: route.take() for route in self._early if route.batches}


def _refuse(*_: object) -> None:
    """Stand for a batch that is not there: it takes nothing."""
