"""Traces: what an event says of the one that it belongs to, and whether that one is sampled (W3C Trace Context)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

HEADER: Final = "traceparent"
_TRACEPARENT: Final = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")


def traceparent_of(headers: Iterable[tuple[str, bytes | None]]) -> str | None:
    """Return what a record's headers say; None if it is nothing, or no traceparent: that is no reason to refuse it."""
    for name, value in headers:
        if name == HEADER:
            text = bytes(value or b"").decode("ascii", "replace")
            return text if _TRACEPARENT.fullmatch(text) else None
    return None


def sampled(traceparent: str | None) -> tuple[str, str] | None:
    """Return the ids of trace and parent, hex, if whoever began the trace wants it recorded."""
    found = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
    if found is None or not int(found[3], 16) & 1:
        return None
    return found[1], found[2]
