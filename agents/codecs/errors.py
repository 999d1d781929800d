"""What a codec says of bytes that it cannot read."""

from __future__ import annotations

from typing import Final

# Every way in which bytes are refused; `invalid:<field>` (right format, wrong content) stands beside them.
CAUSES: Final = {
    "undecodable:tombstone": "there is no value",
    "undecodable:magic": "the first byte is no format that we know",
    "undecodable:schema_id": "the schema id is not known",
    "undecodable:schema": "the schema is known, but not what this topic carries",
    "undecodable:truncated": "the bytes end before the record does",
    "undecodable:size": "the record is larger than what comes of it may be",
    "undecodable:trailing": "the record ends before the bytes do",
    "undecodable:varint": "a number has more bits than its type",
    "undecodable:length": "a length is negative",
    "undecodable:boolean": "a boolean is neither 0 nor 1",
    "undecodable:union": "a union names a branch that it does not have",
    "undecodable:utf8": "a string is not UTF-8",
    "undecodable:json": "the text is not JSON, or not an object",
}


class Undecodable(ValueError):
    """Bytes that are not the record they should be: a dead letter with this cause and detail."""

    def __init__(self, cause: str, detail: str) -> None:
        super().__init__(f"{cause}: {detail}")
        self.cause = cause  # a key of CAUSES, or `invalid:<field>`
        self.detail = detail


class RowUnreadable(ValueError):
    """A row of the changelog that this version cannot read: stop, nothing in it can be skipped."""
