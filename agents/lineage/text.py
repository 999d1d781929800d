"""How lineage and inventory are written for a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

WIDTH_MAX: Final = 60  # characters of a cell


def table(rows: Sequence[Mapping[str, str]]) -> str:
    """Return rows under their names; a column in which nobody says anything is left out."""
    names = [name for name in (rows[0] if rows else {}) if any(row[name] for row in rows)]
    cells = [[name.replace("_", " ") for name in names], *([_short(row[name]) for name in names] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    return "\n".join(f"  {line}" for line in lines)


def _short(cell: str) -> str:
    return cell if len(cell) <= WIDTH_MAX else f"{cell[: WIDTH_MAX - 1]}…"
