"""Which build of the core runs: native modules (`deploy/compile.py`), or the same sources in plain Python."""

from __future__ import annotations

from importlib.util import find_spec


def core_build() -> str:
    """Return compiled | pure, without importing the core."""
    found = find_spec("streams.step")
    return "pure" if found is None or str(found.origin).endswith(".py") else "compiled"
