"""Mutants that were drawn and change nothing that a deployment says or keeps, each with the reason."""

from __future__ import annotations

from typing import Final

UNCHANGED: Final[dict[str, str]] = {}
