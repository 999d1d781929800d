"""Points at which a worker of the toy stream kills itself, once, when somebody has set a trap there.

Theory of operation. A trap is a file, `<home>/traps/<point>`; whoever passes the point takes the file away, and the one
who got it is killed with -9 on the spot, as by somebody else. The product knows nothing of it: the functions that are
passed are wrapped in this process only.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final

from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.transaction import EndTxnRequest

from agents.transport import assignment
from agents.transport.consumer import ChunkConsumer
from agents.transport.requests import Produce, TxnOffsetCommit
from agents.transport.restore import Restored
from agents.transport.transactions import Transactions

POINTS: Final = {
    "sending": "the batches of a transaction are sent and not acknowledged",
    "sent": "all batches are acknowledged, the commit is not asked for",
    "offsets": "the offsets of the group are sent, and not yet taken or refused",
    "committing": "the commit is asked for and not answered",
    "revoked": "everything is drained, the group is about to be joined again",
    "fenced": "the previous owner is fenced, nothing is read back yet",
    "restoring": "a part of the changelog is read back",
    "assigned": "the shards are restored, their sources not yet sought",
}


def trap(home: Path, point: str) -> Path:
    """Return the file that is the trap at a point."""
    return home / "traps" / point


def set_trap(home: Path, point: str) -> None:
    """Have the next worker that passes the point die there."""
    path = trap(home, point)
    path.parent.mkdir(exist_ok=True)
    path.touch()


class Traps:
    """Wraps the points of this process."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def strike(self, point: str) -> None:
        """Die if there is a trap."""
        if self.take(point):
            os.kill(os.getpid(), signal.SIGKILL)

    def take(self, point: str) -> bool:
        """Take the trap away; tell whether it was there for us."""
        try:
            trap(self._home, point).unlink()
        except FileNotFoundError:
            return False
        return True

    def lay(self) -> None:
        """Wrap all points."""
        self._asking(Produce, "sending")
        self._before(Transactions, "commit", "sent")
        self._asking(TxnOffsetCommit, "offsets")
        self._asking(EndTxnRequest, "committing")
        self._after(ChunkConsumer, "on_partitions_revoked", "revoked")
        self._before(assignment, "wait_settled", "fenced")
        self._restoring()
        self._before(ChunkConsumer, "seek_wait", "assigned")

    def _before(self, owner: Any, name: str, point: str) -> None:
        original: Callable[..., Awaitable[Any]] = getattr(owner, name)

        async def wrapped(*args: Any, **options: Any) -> Any:
            self.strike(point)
            return await original(*args, **options)

        setattr(owner, name, wrapped)

    def _after(self, owner: Any, name: str, point: str) -> None:
        original: Callable[..., Awaitable[Any]] = getattr(owner, name)

        async def wrapped(*args: Any, **options: Any) -> Any:
            returned = await original(*args, **options)
            self.strike(point)
            return returned

        setattr(owner, name, wrapped)

    def _asking(self, kind: type, point: str) -> None:
        original = AIOKafkaClient.send

        async def send(client: AIOKafkaClient, node: int, request: Any, **options: Any) -> Any:
            if not isinstance(request, kind) or not self.take(point):
                return await original(client, node, request, **options)
            answer = asyncio.ensure_future(original(client, node, request, **options))
            # From here on the broker has it, or is about to: a few turns of the loop decide which.
            for _ in range(os.getpid() % 8):
                await asyncio.wait({answer}, timeout=0.0005)
            os.kill(os.getpid(), signal.SIGKILL)
            return await answer

        AIOKafkaClient.send = send

    def _restoring(self) -> None:
        original = Restored.replay

        def replay(restored: Restored, records: Sequence[Any]) -> None:
            original(restored, records)
            self.strike("restoring")

        Restored.replay = replay  # type: ignore[assignment, method-assign]
