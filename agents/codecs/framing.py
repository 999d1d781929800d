"""Confluent's wire format: a zero byte, the schema's id as four bytes big-endian, the Avro body."""

from __future__ import annotations

import struct
from typing import Final

import schemas
from agents.codecs.errors import CAUSES, Undecodable

MAGIC: Final = 0
HEADER_LENGTH: Final = 5


def header(name: str, version: int | None = None) -> bytes:
    """Return the five bytes that stand before a body of this schema, the latest version unless told."""
    return struct.pack(">BI", MAGIC, schemas.schema_id(name, version))


def frame(name: str, body: bytes) -> bytes:
    """Put the header of a schema's latest version before a body."""
    return header(name) + body


def schema_of(value: bytes | None) -> tuple[str, int]:
    """Return name and version of the schema that a value is framed with; raises Undecodable where it is not framed."""
    if value is None:
        raise refused("tombstone")
    if not value:
        raise refused("truncated", "expected a header of 5 bytes, came none")
    if value[0] != MAGIC:
        raise refused("magic", f"expected a first byte 0x00, came 0x{value[0]:02x}")
    if len(value) < HEADER_LENGTH:
        raise refused("truncated", f"expected a header of 5 bytes, came {len(value)}")
    identity = int.from_bytes(value[1:HEADER_LENGTH], "big")
    known = schemas.by_id(identity)
    if known is None:
        raise refused("schema_id", f"no schema has the id {identity}")
    return known


def unframe(value: bytes | None, name: str) -> bytes:
    """Return the body of a value that must carry the latest version of a schema; raises Undecodable."""
    if value is None or not value.startswith(header(name)):
        raise refused_header(value, name)
    return value[HEADER_LENGTH:]


def refused_header(value: bytes | None, name: str) -> Undecodable:
    """Return what is wrong with the header of a value that should carry a schema."""
    try:
        came, version = schema_of(value)
    except Undecodable as error:
        return error
    return refused("schema", f"expected {name}, came {came} version {version}")


def refused_end(end: int, size: int) -> Undecodable:
    """Return what is wrong with a record that should end at `size` and ends at `end`."""
    if end > size:
        return refused("truncated", f"the record needs {end} bytes or more, came {size}")
    return refused("trailing", f"the record ends after {end} bytes, came {size}")


def refused_text(error: UnicodeDecodeError, end: int, size: int) -> Undecodable:
    """Return what is wrong with a string that should end at `end`."""
    if end > size:
        return refused_end(end, size)
    return refused("utf8", f"{error.reason} in the string that ends at byte {end}")


def refused_branch(branch: int, at: int) -> Undecodable:
    """Return what is wrong with the branch of a union, read before `at`."""
    return refused("union", f"no branch {branch / 2:g} at byte {at - 1}")


def refused_boolean(came: int, at: int) -> Undecodable:
    """Return what is wrong with a boolean at `at`."""
    return refused("boolean", f"expected 0 or 1, came {came} at byte {at}")


def refused(word: str, detail: str = "") -> Undecodable:
    """Return an Undecodable of a cause in CAUSES."""
    cause = f"undecodable:{word}"
    return Undecodable(cause, detail or CAUSES[cause])
