"""Rows as bytes: a version byte, then a MessagePack array of a row's fields in order; rows inside rows are arrays too.

A field that was added at the end since a row was written gets its default.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from operator import attrgetter
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from agents.codecs.errors import RowUnreadable
from streams.rows import (
    Alias,
    Answer,
    Contacts,
    Deferral,
    ModelRow,
    Offer,
    OpenDecision,
    OpenDecisions,
    Profile,
    Round,
    ShardRow,
)
from streams.state import RowCodec

Row = TypeVar("Row")

VERSION: Final = b"\x01"  # of the layout of all rows; the next one will read this one too

_pack: Final = msgspec.msgpack.Encoder().encode
_unpack: Final = msgspec.msgpack.Decoder().decode


class _Inner(NamedTuple):
    """The field of a row that holds rows: a list of them, or a map of names to them."""

    at: int
    row: type[Any]

    def to_arrays(self, rows: Any) -> Any:
        array = _ARRAYS[self.row]
        if isinstance(rows, dict):
            return {key: array(row) for key, row in rows.items()}
        return [array(row) for row in rows]

    def from_arrays(self, arrays: Any) -> Any:
        row = self.row
        if isinstance(arrays, dict):
            return {key: row(*array) for key, array in arrays.items()}
        return [row(*array) for array in arrays]


def _inner(row: type[Any], name: str, of: type[Any]) -> _Inner:
    return _Inner([field.name for field in fields(row)].index(name), of)


_INNER: Final = {
    Contacts: _inner(Contacts, "offers", Offer),
    Round: _inner(Round, "answers", Answer),
    OpenDecisions: _inner(OpenDecisions, "decisions", OpenDecision),
}


def encode_row(row: object) -> bytes:
    """Return the bytes of a row; raises KeyError for what is no row, TypeError for what MessagePack cannot say."""
    return VERSION + _pack(_ARRAYS[type(row)](row))


def _array_of(row: type[Any]) -> Callable[[Any], Any]:
    names = [field.name for field in fields(row)]
    values = attrgetter(*names) if len(names) > 1 else lambda one: (getattr(one, names[0]),)
    inner = _INNER.get(row)
    if inner is None:
        return values

    def array(one: Any) -> list[Any]:
        made = [*values(one)]
        made[inner.at] = inner.to_arrays(made[inner.at])
        return made

    return array


_ROWS: Final = (
    Alias, Answer, Contacts, Deferral, ModelRow, Offer, OpenDecision, OpenDecisions, Profile, Round, ShardRow,
)  # fmt: skip
_ARRAYS: Final[dict[type[Any], Callable[[Any], Any]]] = {row: _array_of(row) for row in _ROWS}


def _decoder(row: type[Row]) -> Callable[[bytes], Row]:
    inner = _INNER.get(row)

    def decode(value: bytes) -> Row:
        """Return the row that the bytes say; raises RowUnreadable."""
        if not value.startswith(VERSION):
            came = value[:1].hex() or "nothing"
            raise RowUnreadable(f"{row.__name__}: expected a row of version {VERSION.hex()}, came {came}")
        try:
            array = _unpack(value[1:])
            if type(array) is not list:
                raise RowUnreadable(f"{row.__name__}: expected an array of fields, came a {type(array).__name__}")
            if inner is not None and inner.at < len(array):
                array[inner.at] = inner.from_arrays(array[inner.at])
            return row(*array)
        except (msgspec.MsgspecError, RecursionError, TypeError, UnicodeDecodeError) as error:
            raise RowUnreadable(f"{row.__name__}: {error}, in a row of {len(value)} bytes") from error

    return decode


decode_profile: Final = _decoder(Profile)
decode_contacts: Final = _decoder(Contacts)
decode_round: Final = _decoder(Round)
decode_open_decisions: Final = _decoder(OpenDecisions)
decode_deferral: Final = _decoder(Deferral)
decode_alias: Final = _decoder(Alias)
decode_model: Final = _decoder(ModelRow)
decode_shard: Final = _decoder(ShardRow)


class _Sealing(msgspec.Struct, array_like=True, frozen=True):
    """The first fields of a profile's row."""

    zone: str
    zone_source: str
    key: bytes


_unpack_sealing: Final = msgspec.msgpack.Decoder(_Sealing).decode


def decode_personal_key(value: bytes) -> bytes:
    """Return the personal key in a profile's row: a quarter of what the whole row costs; raises RowUnreadable."""
    if not value.startswith(VERSION):
        raise RowUnreadable(f"Profile: expected a row of version {VERSION.hex()}, came {value[:1].hex() or 'nothing'}")
    try:
        return _unpack_sealing(value[1:]).key
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise RowUnreadable(f"Profile: {error}, in a row of {len(value)} bytes") from error


# by name of the table in streams.topology
DECODERS: Final[dict[str, Callable[[bytes], object]]] = {
    "profiles": decode_profile,
    "rounds": decode_round,
    "contacts": decode_contacts,
    "open_decisions": decode_open_decisions,
    "deferrals": decode_deferral,
    "aliases": decode_alias,
    "models": decode_model,
    "shard": decode_shard,
}

ROW_CODEC: Final = RowCodec(encode_row, DECODERS)
