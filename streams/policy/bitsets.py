"""Bitsets: sets of candidates as Python ints, candidate i being bit i."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

PART_BITS: Final = 60
PART: Final = (1 << PART_BITS) - 1


def where(truths: Iterable[bool]) -> int:
    """Return the set of the positions that are true."""
    return sum(1 << position for position, truth in enumerate(truths) if truth)


def group(values: Iterable[str]) -> dict[str, int]:
    """Return, for each value, the set of the positions that have it."""
    found: dict[str, int] = {}
    for position, value in enumerate(values):
        found[value] = found.get(value, 0) | 1 << position
    return found


def members(mask: int) -> list[int]:
    """Return the positions in a set, ascending."""
    found: list[int] = []
    offset = 0
    while mask:
        part = mask & PART  # arithmetic on it is quick, compiled above all
        while part:
            low = part & -part
            found.append(offset + low.bit_length() - 1)
            part ^= low
        mask >>= PART_BITS
        offset += PART_BITS
    return found


def union(masks: list[int]) -> int:
    """Return the union of sets."""
    out = 0
    for mask in masks:
        out |= mask
    return out
