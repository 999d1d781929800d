"""Delivers into a file: one JSON line for each activation. What a print spool or a test system reads."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Collection, Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

import orjson

from agents.channels.contract import DELIVERED, OWED, Fate
from agents.errors import UserError
from streams.records import Activation

LINES_MAX: Final = 1_000  # written together, with one wait for the disk
_TAIL_BYTES: Final = 1 << 20


class FileKind:
    """A delivery channel that appends to a file, alone: the file is locked while it is open."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO

    def __enter__(self) -> Self:
        """Open and lock the file; a line that a crash left half written is cut off, it was never delivered."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._path.open("a+b")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise UserError(f"another process delivers to {self._path}; stop it first") from None
        self._cut()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file, and with it give up the lock."""
        self._file.close()

    @property
    def repeats(self) -> bool:
        """Whether a second line of an activation would be taken for the first: no, but `ask` is certain of each."""
        return False

    @property
    def is_resting(self) -> bool:
        """Whether it leaves the disk alone: no, where that fails the process ends."""
        return False

    def room(self) -> int:
        """Return how many lines are written together."""
        return LINES_MAX

    async def ask(self, activation_ids: Collection[str]) -> dict[str, Fate]:
        """Return DELIVERED of those that have a line, and OWED of all others."""
        self._file.seek(0)
        wanted = set(activation_ids)
        has_line = {found for line in self._file if (found := orjson.loads(line)["activation_id"]) in wanted}
        return {one: Fate(DELIVERED if one in has_line else OWED) for one in wanted}

    async def deliver(self, activations: Sequence[Activation], stamps: Sequence[int]) -> list[Fate]:
        """Append the lines and wait until they are on the disk."""
        lines = bytearray()
        for activation, stamp in zip(activations, stamps, strict=True):
            told = {"delivered_at": stamp, **asdict(activation)}
            lines += orjson.dumps(told, option=orjson.OPT_APPEND_NEWLINE)
        self._file.write(lines)
        self._file.flush()
        os.fsync(self._file.fileno())
        return [Fate(DELIVERED)] * len(activations)

    def _cut(self) -> None:
        end = self._file.seek(0, os.SEEK_END)
        start = max(0, end - _TAIL_BYTES)
        self._file.seek(start)
        tail = self._file.read()
        if tail and not tail.endswith(b"\n"):
            self._file.truncate(start + tail.rfind(b"\n") + 1)
