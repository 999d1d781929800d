"""Identity: every id is derived from its cause, so that doing a thing again names it the same.

An id is the first 16 bytes, in lower-case hex, of SHA-256 over its parts; each part, the id's kind first, goes in as
its UTF-8 length (u32, big-endian) and its bytes, so that no two lists of parts read alike.
"""

from __future__ import annotations

import hashlib


def derive(kind: str, *parts: str) -> str:
    """Return the id of `kind` that these parts cause: 32 hex digits."""
    message = bytearray()
    for part in (kind, *parts):
        text = part.encode()
        message += len(text).to_bytes(4, "big")
        message += text
    return hashlib.sha256(message).hexdigest()[:32]


def fingerprint(source: str, event_id: str) -> int:
    """Return the 63-bit number by which a shard remembers that it has seen this event."""
    key = f"{len(source)}:{source}{event_id}".encode()
    return int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "big") >> 1


def remember(known: dict[int, int], identity: int, at: int, *, keep_ms: int, at_most: int) -> bool:
    """Add an id to those of a person, oldest first; False if one younger than `keep_ms` had to be forgotten for it."""
    kept = True
    while known:
        oldest = next(iter(known))
        is_old = known[oldest] <= at - keep_ms
        if not is_old and len(known) < at_most:
            break
        kept = kept and is_old
        del known[oldest]
    known[identity] = at
    return kept


def chained(previous: bytes, evidence: bytes) -> bytes:
    """Return the hash of a decision: SHA-256 over the partition's previous one and this one's evidence."""
    return hashlib.sha256(previous + evidence).digest()
