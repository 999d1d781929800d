"""Has the C library keep the large buffers that fetches and batches use again and again.

Theory of operation. glibc gives a freed buffer of some size back to the system at once, which clears every page of the
next one anew: an eighth of what a simple stream costs. With bounds well above a fetch's size it keeps them, and the
process stays at its peak, which flow control bounds.
"""

from __future__ import annotations

import ctypes
import os
from typing import Final

BOUNDS: Final = (  # glibc's number of a bound, the variable that sets it, bytes
    (-1, "MALLOC_TRIM_THRESHOLD_", 32 << 20),
    (-3, "MALLOC_MMAP_THRESHOLD_", 16 << 20),
)


def keep_buffers() -> bool:
    """Set the bounds that the environment leaves open; tell whether this C library has them."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    open_ones = [(number, size) for number, name, size in BOUNDS if name not in os.environ]
    return all(mallopt(number, size) == 1 for number, size in open_ones)
