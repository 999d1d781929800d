"""What is fuzzed: a reader of bytes from outside, what it may raise, and bytes from which to begin."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

CPU_S_MAX: Final = 5.0  # of one input: a hundred times what the slowest one takes, on a machine that others use too
GROWTH_BYTES_MAX: Final = 256 << 20  # of the process by one input
MESSAGE_MAX: Final = 20_000  # characters of an error, and MESSAGE_RATIO more for each byte that came
MESSAGE_RATIO: Final = 50

Tree = Any  # dicts, lists and plain values


class Finding(Exception):
    """A reader took too long or too much, or said too little or too much."""


class Shape(NamedTuple):
    """How a target's bytes are a tree: mutated there, they stay near what the reader takes."""

    to_tree: Callable[[bytes], Tree]
    from_tree: Callable[[Tree], bytes]  # raises where the bytes cannot say it


@dataclass(frozen=True)
class Target:
    """One reader of bytes from outside."""

    name: str
    take: Callable[[bytes], object]  # reads the bytes, and asserts what has to hold of what they say
    declared: tuple[type[Exception], ...]  # errors that say: these bytes are none of mine
    seeds: Callable[[], list[bytes]]  # bytes that are taken
    shape: Shape | None = None
    size_max: int = 4096

    def judge(self, data: bytes) -> None:
        """Let the reader take these bytes; raises whatever is a finding."""
        cpu, size = time.process_time(), _largest()
        try:
            self.take(data)
        except self.declared as error:
            _judge_message(error, len(data))
        if (took := time.process_time() - cpu) > CPU_S_MAX:
            raise Finding(f"expected at most {CPU_S_MAX} s of CPU for an input, it took {took:.1f}")
        if (grown := _largest() - size) > GROWTH_BYTES_MAX:
            raise Finding(f"expected to grow by at most {GROWTH_BYTES_MAX} bytes for an input, it was {grown}")

    def takes(self, data: bytes) -> bool:
        """Tell whether the bytes are what the reader reads; raises as `judge`."""
        try:
            self.take(data)
        except self.declared:
            return False
        return True


def _judge_message(error: Exception, size: int) -> None:
    message = str(error)
    if not message:
        raise Finding(f"expected {type(error).__name__} to say what is wrong, it says nothing") from error
    if len(message) > MESSAGE_MAX + MESSAGE_RATIO * size:
        raise Finding(f"{len(message)} characters about {size} bytes: {message[:200]!r} …") from error


def _largest() -> int:
    """Return the most that this process has had in memory, in bytes."""
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest if sys.platform == "darwin" else largest << 10
