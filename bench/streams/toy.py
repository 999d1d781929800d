"""The events of W2, open loop: an output is the event itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from bench.feeding import Record
from bench.source import Source

_SOURCE: Final = Source(0)


def record(n: int) -> Record:
    """Return event n as it is fed."""
    return _SOURCE.partitions[n % len(_SOURCE.keys)], *_SOURCE.event(n)


def name(n: int) -> str:
    """Return by what event n is found again."""
    return str(n)


def names(_topic: str) -> Callable[[bytes], Iterable[str]]:
    """Return how to find out which event an output of a topic came of."""
    return lambda value: (value[5 : value.index(b",")].decode(),)  # {"n":123,…
