"""The chain of one partition's decisions: each carries the hash of the one before it."""

from __future__ import annotations

from typing import Final

from streams.records import Decision

GENESIS: Final = bytes(32)  # before a shard's first decision


class Chain:
    """Follows the decisions of one partition in their order."""

    def __init__(self, *, is_whole: bool) -> None:
        """Begin; whole: the partition still has its first record."""
        self.last: bytes | None = GENESIS if is_whole else None  # None = what was before is not known

    def follow(self, decision: Decision) -> bytes | None:
        """Take the next decision; return the hash that it should have followed and does not, None if all is well."""
        expected, self.last = self.last, decision.hash
        return expected if expected is not None and expected != decision.previous_hash else None

    def lose(self) -> None:
        """Take a record that cannot be read: what it hashes to is not known."""
        self.last = None
