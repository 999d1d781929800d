"""The writing half of the codec generator: generated code appends pieces to `out` and joins them once."""

from __future__ import annotations

from typing import Final

from agents.codecs.emit import Lines, Schema, indented, is_class, kind_of, local

# Which test tells a union's branch, likely ones first; a bool is an int to Python, so it is asked for before.
_TESTS: Final = {
    "string": "isinstance({0}, str)",
    "null": "{0} is None",
    "boolean": "isinstance({0}, bool)",
    "long": "isinstance({0}, int)",
    "bytes": "isinstance({0}, bytes)",
    "double": "isinstance({0}, float)",
}
_ORDER: Final = (*_TESTS, "instant", "int", "array", "map", "record")

_LENGTH: Final = ("n = len(raw)", "out.append(SHORT[n] if n < 8192 else write_long(n))")
_PRIMITIVES: Final[dict[str, tuple[str, ...]]] = {
    "null": (),
    "boolean": ('out.append(b"\\x01" if {0} else b"\\x00")',),
    "int": ("n = {0}", "out.append(SHORT[n] if 0 <= n < 8192 else write_int(n))"),
    "long": ("n = {0}", "out.append(SHORT[n] if 0 <= n < 8192 else write_long(n))"),
    "instant": ("out.append(write_long({0}))",),
    "double": ("out.append(DOUBLE.pack({0}))",),
    "bytes": ("raw = {0}", *_LENGTH, "out.append(raw)"),
    "string": ("raw = {0}.encode()", *_LENGTH, "out.append(raw)"),
}


def record_lines(schema: Schema, value: str = "record", prefix: str = "") -> Lines:
    """Return statements that append the bytes of a record's fields."""
    names = [local(prefix, field["name"]) for field in schema["fields"]]
    lines: Lines = [] if is_class(schema) else [f"{', '.join(names)} = {value}"]
    for field, name in zip(schema["fields"], names, strict=True):
        source = f"{value}.{field['name']}" if is_class(schema) else name
        if kind_of(field["type"]) not in _PRIMITIVES and source != name:
            lines.append(f"{name} = {source}")
            source = name
        lines += _write(field["type"], source, name)
    return lines


def _write(schema: Schema, value: str, name: str) -> Lines:
    kind = kind_of(schema)
    item = f"{name}_item"
    if kind in _PRIMITIVES:
        return [line.format(value) for line in _PRIMITIVES[kind]]
    if kind == "record":
        return record_lines(schema, value, name)
    if kind == "union":
        return _union(schema, value, name)
    if kind == "array":
        return _block(value, f"for {item} in {value}:", _write(schema["items"], item, item))
    if kind == "map":
        key = f"{name}_key"
        entry = [*_write("string", key, key), *_write(schema["values"], item, item)]
        return _block(value, f"for {key}, {item} in {value}.items():", entry)
    raise ValueError(f"the codec generator does not know the Avro type `{kind}`")


def _block(value: str, loop: str, item: Lines) -> Lines:
    """Write all items as one block; an empty one is only its end."""
    return [
        f"n = len({value})",
        "if n:",
        "    out.append(SHORT[n] if n < 8192 else write_long(n))",
        *indented([loop, *indented(item)]),
        'out.append(b"\\x00")',
    ]


def _union(schema: Schema, value: str, name: str) -> Lines:
    # What stands last refuses what is not its own; null would not, so beside one neighbour it goes first.
    null_first = len(schema) == 2
    branches = sorted(schema, key=lambda each: -1 if null_first and each == "null" else _ORDER.index(kind_of(each)))
    lines: Lines = []
    for branch in branches:
        kind = kind_of(branch)
        if branch is branches[-1]:
            lines.append("else:")
        elif kind in _TESTS:
            lines.append(f"{'elif' if lines else 'if'} {_TESTS[kind].format(value)}:")
        else:
            raise ValueError(f"`{name}`: a union has one array, map or record at most")
        lines += indented([f'out.append(b"\\x{2 * schema.index(branch):02x}")', *_write(branch, value, name)])
    return lines
