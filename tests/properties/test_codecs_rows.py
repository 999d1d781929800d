"""Rows come back as they went, and bytes that are no row stop the worker with one error."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.codecs.errors import RowUnreadable
from agents.codecs.rows import DECODERS, VERSION, encode_row
from streams.topology import TABLES
from tests.strategies import ROWS, records_of

TABLE = pytest.mark.parametrize("table", ROWS)
QUICK = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


def test_every_table_has_a_decoder() -> None:
    assert set(DECODERS) == {table.name for table in TABLES} == set(ROWS)


@TABLE
@QUICK
@given(data=st.data())
def test_what_is_encoded_is_decoded(table: str, data: st.DataObject) -> None:
    row = data.draw(records_of(ROWS[table]))
    assert DECODERS[table](encode_row(row)) == row


@TABLE
@QUICK
@given(data=st.data())
def test_a_field_added_since_gets_its_default(table: str, data: st.DataObject) -> None:
    row = data.draw(records_of(ROWS[table]))
    last = fields(row)[-1]
    array = msgspec.msgpack.decode(encode_row(row)[1:])
    older = VERSION + msgspec.msgpack.encode(array[:-1])
    if default_of(last) is None:
        with pytest.raises(RowUnreadable, match=last.name):
            DECODERS[table](older)
        return
    setattr(row, last.name, default_of(last))
    assert DECODERS[table](older) == row


def default_of(field: Any) -> Any:
    has_factory = callable(field.default_factory)
    return field.default_factory() if has_factory else field.default if isinstance(field.default, int | bytes) else None


def verdict(table: str, value: bytes) -> object:
    """Return the row that the bytes say, or the error that says they are none."""
    try:
        return DECODERS[table](value)
    except RowUnreadable as error:
        return error


@TABLE
@QUICK
@given(data=st.data())
def test_spoilt_bytes_are_a_row_or_unreadable(table: str, data: st.DataObject) -> None:
    value = encode_row(data.draw(records_of(ROWS[table])))
    at = data.draw(st.integers(1, len(value)))
    spoilt = value[:at] + data.draw(st.binary(max_size=3)) + value[at + data.draw(st.integers(0, 3)) :]
    came = verdict(table, spoilt)
    assert type(came) is ROWS[table] or str(came).startswith(ROWS[table].__name__)


@TABLE
@pytest.mark.parametrize("value", [b"", b"\x00\x90", b"\x02\x90"])
def test_another_version_is_refused(table: str, value: bytes) -> None:
    with pytest.raises(RowUnreadable, match="expected a row of version 01"):
        DECODERS[table](value)


def test_what_is_no_row_is_not_encoded() -> None:
    with pytest.raises(KeyError):
        encode_row({})
