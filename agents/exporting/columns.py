"""Columns: what a record becomes in a table, made of the record's own fields and types."""

from __future__ import annotations

import types
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

import pyarrow as pa

from agents.codecs.avro import DECODERS
from agents.simulate.tally import choice_of
from streams import records
from streams.decision import EvidenceUnreadable
from streams.topology import BY_NOUN

INSTANT: Final = pa.timestamp("ms", "UTC")
TEXT: Final = pa.string()
_PLAIN: Final = {str: TEXT, int: pa.int64(), bool: pa.bool_(), float: pa.float64(), bytes: TEXT}  # bytes are hex

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Table:
    """One topic as a table."""

    noun: str
    kind: type[Any]  # of the records
    at: str  # field by whose time a record belongs to a range
    left_out: tuple[str, ...] = ()  # fields that are no columns
    more: tuple[tuple[str, pa.DataType], ...] = ()  # columns that are computed
    compute: Callable[[Any], Row] = lambda _: {}

    @property
    def schema(self) -> pa.Schema:
        """Return the columns: the record's fields in their order, where it stood, and what is computed."""
        hints = get_type_hints(self.kind, vars(records))
        named = [one.name for one in fields(self.kind) if one.name not in self.left_out]
        own = [(name, _type_of(name, hints[name])) for name in named]
        return pa.schema([*own, ("topic_partition", pa.int32()), ("topic_offset", pa.int64()), *self.more])

    def decode(self, value: bytes) -> Any:
        """Return the record that a value says; raises Undecodable."""
        return DECODERS[BY_NOUN[self.noun].schema](value)

    def row(self, record: Any, partition: int, offset: int) -> Row:
        """Return a record as a row."""
        told = {name: getattr(record, name) for name in (one.name for one in fields(self.kind))}
        plain = {
            name: value.hex() if isinstance(value, bytes) else list(value.items()) if isinstance(value, dict) else value
            for name, value in told.items()
            if name not in self.left_out
        }
        return plain | {"topic_partition": partition, "topic_offset": offset} | self.compute(record)


def _expected(decision: records.Decision) -> Row:
    """Return what the models expected of what goes out; nothing, where the evidence is of another version."""
    try:
        choice = choice_of(decision)
    except EvidenceUnreadable:
        return {}
    return {"ev_micro": choice.ev_micro, "cost_micro": choice.cost_micro}


def _type_of(name: str, hint: Any) -> pa.DataType:
    """Return the column's type; what is named `…_at` is an instant."""
    if get_origin(hint) in (Union, types.UnionType):
        (hint,) = [one for one in get_args(hint) if one is not type(None)]
    if get_origin(hint) is list:
        return pa.list_(_PLAIN[get_args(hint)[0]])
    if get_origin(hint) is dict:
        return pa.map_(TEXT, TEXT)
    return INSTANT if name.endswith("_at") else _PLAIN[hint]


TABLES: Final = {
    one.noun: one
    for one in (
        Table(
            "decisions", records.Decision, "decided_at", ("evidence",),
            (("ev_micro", pa.int64()), ("cost_micro", pa.int64())), _expected,
        ),
        Table("decision-notes", records.DecisionNote, "noted_at"),
        Table("activations", records.Activation, "decided_at"),
        Table("outcomes", records.Outcome, "occurred_at"),
        Table("rewards", records.Reward, "rewarded_at"),
    )
}  # fmt: skip
