"""Faust's tables are not used; what is left of their manager starts the seeking, without waiting for them."""

from __future__ import annotations

from typing import Any

from faust.tables.manager import TableManager


class NoTables(TableManager):
    """Faust's table manager for an app that has none."""

    async def sleep(self, n: Any, **options: Any) -> None:
        """Return at once: Faust grants a second for tables to be declared, and every restart would pay it."""
        del n, options
