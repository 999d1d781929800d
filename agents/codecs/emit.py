"""What the two halves of the codec generator share: schemas as they stand in a file, lines of Python."""

from __future__ import annotations

import builtins
import keyword
from collections.abc import Iterator
from typing import Any, Final

from streams import records as RECORDS  # noqa: N812 -- a table of classes by name, as it is used here

Schema = Any  # a name, a union's list, or a dict
Lines = list[str]

WIDTH: Final = 120
# Names that generated functions use beside those of fields.
_TAKEN: Final = frozenset({"at", "buf", "end", "error", "n", "out", "raw", "record"})
_PYTHON: Final = {
    "boolean": "bool",
    "bytes": "bytes",
    "double": "float",
    "int": "int",
    "long": "int",
    "null": "None",
    "string": "str",
}


def kind_of(schema: Schema) -> str:
    """Return the Avro type: a primitive's name, `instant`, `array`, `map`, `record` or `union`."""
    if isinstance(schema, list):
        return "union"
    if isinstance(schema, str):
        return schema
    if schema.get("logicalType") == "timestamp-millis":
        return "instant"
    return str(schema["type"])


def python_of(schema: Schema) -> str:
    """Return the annotation of a value."""
    kind = kind_of(schema)
    if kind == "union":
        return " | ".join(python_of(branch) for branch in sorted(schema, key=lambda branch: branch == "null"))
    if kind == "array":
        return f"list[{python_of(schema['items'])}]"
    if kind == "map":
        return f"dict[str, {python_of(schema['values'])}]"
    if kind == "record":
        fields = ", ".join(python_of(field["type"]) for field in schema["fields"])
        return schema["name"] if is_class(schema) else f"tuple[{fields}]"
    return "int" if kind == "instant" else _PYTHON[kind]


def is_class(schema: Schema) -> bool:
    """Tell whether a record is a class of `streams.records`; one that is not is a tuple of its fields."""
    return hasattr(RECORDS, schema["name"])


def class_names(schema: Schema) -> Iterator[str]:
    """Yield the names of the records in a schema, outer ones first."""
    kind = kind_of(schema)
    if kind == "union":
        for branch in schema:
            yield from class_names(branch)
    elif kind == "array":
        yield from class_names(schema["items"])
    elif kind == "map":
        yield from class_names(schema["values"])
    elif kind == "record":
        yield schema["name"]
        for field in schema["fields"]:
            yield from class_names(field["type"])


def local(prefix: str, field: str) -> str:
    """Return the local name of a field; raises ValueError where generated code uses that name itself."""
    name = f"{prefix}_{field}" if prefix else field
    if name in _TAKEN:
        raise ValueError(f"field `{name}`: generated codecs use that name, choose another")
    return f"{name}_" if name in vars(builtins) or keyword.iskeyword(name) else name


def indented(lines: Lines, levels: int = 1) -> Lines:
    """Return the lines, further to the right."""
    return ["    " * levels + line if line else line for line in lines]


def wrapped(line: str) -> Lines:
    """Return a line as it is, or what stands in its first bracket one item a line where it is too long."""
    if len(line) <= WIDTH:
        return [line]
    margin = line[: len(line) - len(line.lstrip())]
    start = line.index("(") + 1
    depth, items = 0, [""]
    end = start
    for end in range(start, len(line)):
        letter = line[end]
        depth += (letter in "([{") - (letter in ")]}")
        if depth < 0:
            break
        if letter == "," and depth == 0:
            items.append("")
        else:
            items[-1] += letter
    inner = [part for item in items for part in wrapped(f"{margin}    {item.strip()},")]
    return [line[:start], *inner, margin + line[end:]]
