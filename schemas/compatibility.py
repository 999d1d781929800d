"""Which version can read what which other wrote: Avro's rules of schema resolution, as far as our schemas use Avro.

Versions of one name are FULL_TRANSITIVE: each reads each, so that workers of two releases can share a topic
while one replaces the other.
"""

from __future__ import annotations

from itertools import permutations
from typing import Any, Final

Schema = Any  # a name, a union's list, or a dict

# writer's type -> what a reader may have instead
_PROMOTIONS: Final = {
    "int": {"long", "float", "double"},
    "long": {"float", "double"},
    "float": {"double"},
    "string": {"bytes"},
    "bytes": {"string"},
}
_PRIMITIVES: Final = {"null", "boolean", "int", "long", "float", "double", "bytes", "string"}
_ITEMS: Final = {"array": "items", "map": "values"}


def breaking(history: dict[int, Schema]) -> list[str]:
    """Return a sentence for every place where one version of a name cannot read another; none = FULL_TRANSITIVE."""
    return [
        f"version {reader} cannot read version {writer}: {problem}"
        for reader, writer in permutations(sorted(history), 2)
        for problem in unreadable(history[reader], history[writer])
    ]


def unreadable(reader: Schema, writer: Schema, where: str = "") -> list[str]:
    """Return a sentence for every place where one schema cannot read what was written with another."""
    if isinstance(writer, list):
        return [problem for branch in writer for problem in unreadable(reader, branch, where)]
    if isinstance(reader, list):
        return _no_branch(reader, writer, where)
    ours, theirs = _kind(reader), _kind(writer)
    if ours != theirs:
        return [] if ours in _PROMOTIONS.get(theirs, ()) else [f"{where or 'the record'} was {theirs} and is {ours}"]
    if ours == "record":
        return _record(reader, writer, where)
    if ours in _ITEMS:
        return unreadable(reader[_ITEMS[ours]], writer[_ITEMS[ours]], f"{where}[]")
    if ours not in _PRIMITIVES:
        return [f"{where}: our schemas have no `{ours}`"]
    meant, means = _logical(writer), _logical(reader)
    return [] if meant == means else [f"{where} meant {meant} and means {means}"]


def _record(reader: Schema, writer: Schema, where: str) -> list[str]:
    if reader["name"] != writer["name"]:
        return [f"{where or 'the record'} was {writer['name']} and is {reader['name']}"]
    written = {field["name"]: field["type"] for field in writer["fields"]}
    problems = []
    for field in reader["fields"]:
        place = f"{where}.{field['name']}" if where else field["name"]
        if field["name"] in written:
            problems += unreadable(field["type"], written[field["name"]], place)
        elif "default" not in field:
            problems.append(f"{place} is not there and has no default")
    return problems


def _no_branch(reader: list[Schema], writer: Schema, where: str) -> list[str]:
    if any(not unreadable(branch, writer, where) for branch in reader):
        return []
    same = [branch for branch in reader if _kind(branch) == _kind(writer)]
    if same:
        return unreadable(same[0], writer, where)
    return [f"{where} may be {_kind(writer)}, which the reader cannot take"]


def _kind(schema: Schema) -> str:
    return str(schema["type"] if isinstance(schema, dict) else schema)


def _logical(schema: Schema) -> str:
    return str(schema.get("logicalType", "itself")) if isinstance(schema, dict) else "itself"
