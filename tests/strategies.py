"""Hypothesis strategies for records and rows: every value that a field may have, not only likely ones."""

from __future__ import annotations

import ast
import sys
import types
import typing
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any, Final, TypeVar, get_args, get_origin

from hypothesis import strategies as st

from streams import records, rows

T = TypeVar("T")

LONGS: Final = st.integers(-(1 << 63), (1 << 63) - 1) | st.integers(-130, 130)
INTS: Final = st.integers(-(1 << 31), (1 << 31) - 1) | st.integers(-130, 130)
INSTANTS: Final = st.integers(0, 1 << 43)
NUMBERS: Final = st.floats(allow_nan=False)  # a NaN is not equal to itself; tests of codecs look at its bits
TEXTS: Final = st.text(max_size=12) | st.sampled_from(["", "é" * 31, "é" * 32, "x" * 63, "x" * 64, "x" * 9000])

_SIMPLE: Final[dict[Any, st.SearchStrategy[Any]]] = {
    bool: st.booleans(),
    bytes: st.binary(max_size=80),
    float: NUMBERS,
    int: LONGS,
    str: TEXTS,
    type(None): st.none(),
    Any: st.none() | LONGS | TEXTS | st.lists(LONGS, max_size=3),
}
_NARROW: Final = {"outcomes", "partition", "reply_partition", "version"}  # ints of 32 bits


_made: Final[dict[type[Any], st.SearchStrategy[Any]]] = {}


def records_of(kind: type[T]) -> st.SearchStrategy[T]:
    """Return the strategy for a class of `streams.records` or `streams.rows`."""
    if kind not in _made:
        _made[kind] = st.builds(kind, **{name: _of(hint, name) for name, hint in _hints_of(kind).items()})
    return _made[kind]


def _hints_of(kind: type[Any]) -> dict[str, Any]:
    """Return the types of the fields as the source has them: a compiled class has forgotten what its lists hold."""
    module = sys.modules[kind.__module__]
    source = Path(str(module.__file__)).with_name(f"{kind.__module__.rpartition('.')[2]}.py")
    tree = ast.parse(source.read_text(encoding="utf-8"))
    made = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == kind.__name__)
    fields = [node for node in made.body if isinstance(node, ast.AnnAssign)]
    return {ast.unparse(node.target): eval(ast.unparse(node.annotation), vars(module)) for node in fields}


def _of(hint: Any, name: str) -> st.SearchStrategy[Any]:
    origin, arguments = get_origin(hint), get_args(hint)
    if is_dataclass(hint):
        return records_of(typing.cast("type[Any]", hint))
    if origin in {types.UnionType, typing.Union}:
        return st.one_of([_of(each, name) for each in arguments])
    if origin is list:
        return st.lists(_of(arguments[0], name), max_size=4) | _long_list(arguments[0])
    if origin is dict:
        return st.dictionaries(_of(arguments[0], name), _of(arguments[1], name), max_size=4)
    if origin is tuple:
        return st.tuples(*[_of(each, name) for each in arguments])
    if hint is int and name in _NARROW:
        return INTS
    if hint is int and (name.endswith("_at") or name == "timestamp"):
        return INSTANTS | LONGS
    return _SIMPLE[hint]


def _long_list(hint: Any) -> st.SearchStrategy[list[Any]]:
    """Return lists whose count takes two bytes, where items are small enough."""
    return st.lists(_SIMPLE[hint], min_size=70, max_size=70) if hint in {bool, int} else st.just([])


RECORDS: Final[dict[str, type[Any]]] = {
    "raw_event": records.RawEvent,
    "event": records.Event,
    "routed_event": records.RoutedEvent,
    "tick": records.Tick,
    "request_batch": records.RequestBatch,
    "proposal_batch": records.ProposalBatch,
    "decision": records.Decision,
    "decision_note": records.DecisionNote,
    "activation": records.Activation,
    "outcome": records.Outcome,
    "reward": records.Reward,
    "training_example": records.TrainingExample,
    "dead_letter": records.DeadLetter,
    "model_version": records.ModelVersion,
    "dispatch": records.Dispatch,
    "contact_state": records.ContactState,
    "switch": records.Switch,
}

ROWS: Final[dict[str, type[Any]]] = {
    "profiles": rows.Profile,
    "rounds": rows.Round,
    "contacts": rows.Contacts,
    "open_decisions": rows.OpenDecisions,
    "deferrals": rows.Deferral,
    "aliases": rows.Alias,
    "models": rows.ModelRow,
    "shard": rows.ShardRow,
}
