"""Chunks that wait for the registry: each partition for itself, in order, and none is lost.

Theory of operation.  A chunk whose ids are all known goes on at once.  One with another id waits, and with it what
comes behind it in its partition; the others go on.  A partition that has gathered WAITING_MAX chunks holds up the
source as a whole, so that memory stays bounded.  What waits when the partition is taken away was never applied.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Final

from prometheus_client import Gauge

from agents.registry.foreign import Foreign
from agents.transport.errors import die

WAITING_MAX: Final = 8  # chunks of a partition

Offer = Callable[[Any], Awaitable[None]]


class Waiting:
    """The chunks of one source on their way to their shards."""

    def __init__(self, foreign: Foreign, offer: Offer, gauge: Gauge) -> None:
        """Offer chunks; `gauge` tells how many partitions wait."""
        self._foreign: Final = foreign
        self._offer: Final = offer
        self._gauge: Final = gauge
        self._queues: Final[dict[int, deque[Any]]] = {}
        self._tasks: Final[dict[int, asyncio.Task[None]]] = {}

    async def take(self, chunk: Any) -> None:
        """Offer a chunk now, or once the registry has answered."""
        partition = chunk.message.partition
        queue = self._queues.get(partition)
        if queue is None:
            if not self._foreign.unknown(chunk.value):
                await self._offer(chunk)
                return
            queue = self._queues[partition] = deque()
            task = self._tasks[partition] = asyncio.create_task(self._settle(partition, queue))
            task.add_done_callback(_look_at)
            self._gauge.set(len(self._queues))
        queue.append(chunk)
        if len(queue) >= WAITING_MAX:
            await asyncio.wait([self._tasks[partition]])

    async def _settle(self, partition: int, queue: deque[Any]) -> None:
        await asyncio.sleep(0)  # until the first one is in the queue
        while queue:
            for head in sorted(self._foreign.unknown(queue[0].value)):
                await self._foreign.learn(head)
            await self._offer(queue[0])
            queue.popleft()
        del self._queues[partition], self._tasks[partition]
        self._gauge.set(len(self._queues))


def _look_at(task: asyncio.Task[None]) -> None:
    """End the process where waiting failed: the partition would stand for ever, and nobody would say so."""
    if not task.cancelled() and (error := task.exception()) is not None:
        die("events waited for the schema registry in vain", error, bug=True)
