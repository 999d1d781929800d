"""Holdout: who is left alone, so that what we cause can be told from what happens anyway."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from streams.policy.sampling import BUCKETS

OFFSET: Final = 0x811C9DC5
PRIME: Final = 0x01000193
CACHED_MAX: Final = 65_536  # persons of a few shards; 8 MiB


def fnv32a(text: str) -> int:
    """Return the 32-bit FNV-1a hash of a text in UTF-8."""
    value = OFFSET
    for byte in text.encode():
        value = ((value ^ byte) * PRIME) & 0xFFFFFFFF
    return value


@lru_cache(maxsize=CACHED_MAX)
def bucket(seed: str, profile_id: str) -> int:
    """Return the person's bucket, 0 to 9,999, as GrowthBook's hash v2 has it."""
    return fnv32a(str(fnv32a(seed + profile_id))) % BUCKETS
