"""Files of people: Parquet, CSV or JSON lines, read row by row."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

from agents.errors import UserError

Row = dict[str, Any]

BATCH: Final = 10_000  # rows of a Parquet file that are in memory at once
CHUNK: Final = 1 << 20


class RowUnreadable(ValueError):
    """This row of the file is none."""


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hex; raises UserError."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
    except OSError as error:
        raise UserError(f"{path}: expected a file that can be read, got {error.strerror}") from None
    return digest.hexdigest()


def header_of(path: Path) -> list[str]:
    """Return the columns of a file, of JSON lines those of its first row; raises UserError."""
    return _reader(path)[0](path)


def rows_of(path: Path) -> Iterator[Row | RowUnreadable]:
    """Generate the rows; what is no row comes as the error that says why. A column without a value is not in it."""
    for row in _reader(path)[1](path):
        if isinstance(row, RowUnreadable):
            yield row
        else:
            yield {name: value for name, value in row.items() if value is not None}


def count_of(path: Path) -> int | None:
    """Return how many rows there are, where the file says so itself."""
    if path.suffix != ".parquet":
        return None
    return int(_parquet(path).metadata.num_rows)


@contextmanager
def _as_csv(path: Path) -> Iterator[IO[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        try:
            yield file
        except (UnicodeDecodeError, csv.Error) as error:
            raise UserError(f"{path}: expected CSV in UTF-8, got: {error}") from None


def _csv_header(path: Path) -> list[str]:
    with _as_csv(path) as file:
        return next(csv.reader(file, strict=True), [])


def _csv_rows(path: Path) -> Iterator[Row | RowUnreadable]:
    with _as_csv(path) as file:
        for row in csv.DictReader(file, restkey="", strict=True):
            if "" in row:
                yield RowUnreadable("it has more fields than the header names columns")
            else:
                yield {name: value or None for name, value in row.items()}


def _json_header(path: Path) -> list[str]:
    first = next(_json_rows(path), {})
    return [] if isinstance(first, RowUnreadable) else list(first)


def _json_rows(path: Path) -> Iterator[Row | RowUnreadable]:
    with path.open("rb") as file:
        yield from map(_json_row, file)


def _json_row(line: bytes) -> Row | RowUnreadable:
    try:
        told = json.loads(line)
    except (ValueError, RecursionError) as error:
        return RowUnreadable(f"it is no JSON: {error}")
    return told if isinstance(told, dict) else RowUnreadable(f"expected a JSON object, came {type(told).__name__}")


def _parquet_header(path: Path) -> list[str]:
    return [str(name) for name in _parquet(path).schema_arrow.names]


def _parquet_rows(path: Path) -> Iterator[Row | RowUnreadable]:
    for batch in _parquet(path).iter_batches(BATCH):
        yield from batch.to_pylist()


def _parquet(path: Path) -> Any:
    try:
        import pyarrow.parquet as pq  # noqa: PLC0415  # an extra brings it
        from pyarrow import ArrowInvalid  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise UserError(f"{error.name} is missing, which reads Parquet: pip install 'continuo[export]'") from None
    try:
        return pq.ParquetFile(path)
    except ArrowInvalid as error:
        raise UserError(f"{path}: expected a Parquet file, got: {error}") from None


_READERS: Final[dict[str, tuple[Callable[[Path], list[str]], Callable[[Path], Iterator[Row | RowUnreadable]]]]] = {
    ".parquet": (_parquet_header, _parquet_rows),
    ".csv": (_csv_header, _csv_rows),
    ".jsonl": (_json_header, _json_rows),
    ".ndjson": (_json_header, _json_rows),
}


def _reader(path: Path) -> tuple[Callable[[Path], list[str]], Callable[[Path], Iterator[Row | RowUnreadable]]]:
    try:
        return _READERS[path.suffix]
    except KeyError:
        raise UserError(f"{path}: expected a name that ends in {', '.join(_READERS)}") from None
