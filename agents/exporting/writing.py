"""Writes a range of topics as Parquet: a folder for each topic, a file for each partition, whole or not at all.

The same range of the same records gives the same bytes: rows stand in the order of the topic, in groups of one size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from agents.codecs.errors import Undecodable
from agents.errors import UserError
from agents.exporting.columns import TABLES, Row, Table
from agents.ranges import Within
from agents.replay.reading import Source

GROUP_ROWS: Final = 20_000
TELLS: Final = 5  # unreadable records that are named


@dataclass(frozen=True, slots=True)
class Exported:
    """What became of one topic."""

    noun: str
    folder: Path
    files: int
    records: int  # of the range, counted once more in the topic
    rows: int  # in the files, as their footers say
    unreadable: tuple[str, ...]  # places of records that are no rows

    def told(self) -> list[str]:
        """Return it in lines."""
        head = f"{self.noun}: {self.rows:,} rows in {self.files} files of {self.folder}, as many as the topic has there"
        return [head, *(f"  left out, it cannot be read: {place}" for place in self.unreadable)]


async def export(source: Source, nouns: Sequence[str], within: Within, to: Path) -> list[Exported]:
    """Export these topics; raises UserError for a folder that cannot be written, or files unlike the topic."""
    found = []
    count = await source.partitions()
    for noun in nouns:
        table, folder = TABLES[noun], to / noun
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"{folder} cannot be written: {error.strerror}") from error
        records = rows = 0
        unreadable: list[str] = []
        for number in range(count):
            target = folder / f"{number:05d}.parquet"
            end = await _write(source, table, number, within, target, unreadable.append)
            records += await _count(source, table, number, within, end)
            rows += pq.read_metadata(target).num_rows
        for stale in set(folder.glob("*.parquet")) - {folder / f"{number:05d}.parquet" for number in range(count)}:
            raise UserError(f"{stale} is of another export: name an empty folder, or remove it")
        if records != rows:
            raise UserError(f"{folder} holds {rows:,} rows, the topic has {records:,} records there: export it again")
        found.append(Exported(noun, folder, count, records, rows, tuple(unreadable[:TELLS])))
    return found


async def _write(
    source: Source, table: Table, number: int, within: Within, target: Path, lost: Callable[[str], None]
) -> int:
    """Write one partition; return up to which offset it was read."""
    partial, end = target.with_suffix(".partial"), -1
    schema = table.schema
    try:
        with pq.ParquetWriter(partial, schema, compression="zstd") as writer:
            rows: list[Row] = []
            async with aclosing(source.scan(table.noun, number)) as chunks:
                async for chunk in chunks:
                    for one in chunk:
                        row = _row(table, one.value, number, one.offset, within, lost)
                        end = one.offset
                        if row is not None:
                            rows.append(row)
                    while len(rows) >= GROUP_ROWS:
                        writer.write_table(pa.Table.from_pylist(rows[:GROUP_ROWS], schema))
                        del rows[:GROUP_ROWS]
            if rows:
                writer.write_table(pa.Table.from_pylist(rows, schema))
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return end


async def _count(source: Source, table: Table, number: int, within: Within, end: int) -> int:
    """Return how many records of a partition are in the range, up to an offset: read anew."""
    count = 0
    async with aclosing(source.scan(table.noun, number)) as chunks:
        async for chunk in chunks:
            for one in chunk:
                if one.offset > end:
                    return count
                with suppress(Undecodable):
                    count += within.holds("", getattr(table.decode(one.value or b""), table.at))
    return count


def _row(
    table: Table, value: bytes | None, number: int, offset: int, within: Within, lost: Callable[[str], None]
) -> Row | None:
    try:
        record = table.decode(value or b"")
        return table.row(record, number, offset) if within.holds("", getattr(record, table.at)) else None
    except Undecodable as error:
        lost(f"{table.noun}, partition {number}, offset {offset}: {error}")
        return None
