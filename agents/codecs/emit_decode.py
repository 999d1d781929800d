"""The reading half of the codec generator.

*Theory of operation.* Generated code walks `at` over `buf` once.
Every type begins with a byte that is read by index, so bytes that end too soon raise IndexError at the next field
at the latest, whatever a length or a count claimed, and nothing is allocated for a claim.
A slice past the end comes out short without an error; `at` has then passed the end, which the last comparison finds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from agents.codecs.emit import Lines, Schema, indented, is_class, kind_of, local, python_of

Sink = Callable[[str], str]  # expression of the value read -> the statement that takes it

# Of a union's branches the likely ones are tried first.
_LIKELY_FIRST: Final = (
    *("string", "instant", "long", "int", "double"),
    *("map", "array", "record", "bytes", "null", "boolean"),
)

# 129: one bit says that the length goes on, the other that it is negative
_SPAN: Final = """\
n = buf[at]
if n & 129:
    at, end = read_span(buf, at)
else:
    at += 1
    end = at + (n >> 1)""".splitlines()
# Each loop has a count of its own: mypyc reads it anew in every turn of `range`, where Python reads it once.
_COUNT: Final = """\
{0} = buf[at]
if {0} & 129:
    {0}, at = read_count(buf, at)
else:
    at += 1
    {0} >>= 1""".splitlines()
_LONG: Final = """\
n = buf[at]
if n < 128:
    at += 1
    n = SMALL[n]
else:
    n, at = read_long(buf, at)""".splitlines()
_INT: Final = [*_LONG[:-1], "    n, at = read_int(buf, at)"]
_BOOLEAN: Final = ["n = buf[at]", "if n > 1:", "    raise refused_boolean(n, at)", "at += 1"]

# primitive -> statements before its value can be had, expression of the value, statements after it was taken
_PRIMITIVES: Final[dict[str, tuple[Lines, str, Lines]]] = {
    "null": ([], "None", []),
    "boolean": (_BOOLEAN, "n == 1", []),
    "int": (_INT, "n", []),
    "long": (_LONG, "n", []),
    "instant": (["n, at = read_instant(buf, at)"], "n", []),
    "double": ([], "DOUBLE.unpack_from(buf, at)[0]", ["at += 8"]),
    "bytes": (_SPAN, "buf[at:end]", ["at = end"]),
    "string": (_SPAN, "buf[at:end].decode()", ["at = end"]),
}


def record_lines(schema: Schema, prefix: str = "") -> tuple[Lines, str]:
    """Return statements that read a record's fields into locals, and the expression that makes the record of them."""
    lines: Lines = []
    arguments = []
    for field in schema["fields"]:
        name = local(prefix, field["name"])
        kind = kind_of(field["type"])
        made = name
        if kind == "record":
            inner, made = record_lines(field["type"], name)
            lines += inner
        elif kind == "instant":
            lines.append(f"{name}, at = read_instant(buf, at)")
        else:
            if kind == "union":
                lines.append(f"{name}: {python_of(field['type'])}")
            lines += _read(field["type"], name, _assign(name))
        arguments.append(made)
    return lines, f"{schema['name'] if is_class(schema) else ''}({', '.join(arguments)})"


def _assign(name: str) -> Sink:
    return lambda value: "" if value == name else f"{name} = {value}"


def _read(schema: Schema, name: str, sink: Sink) -> Lines:
    kind = kind_of(schema)
    if kind in _PRIMITIVES:
        before, value, after = _PRIMITIVES[kind]
        return [*before, sink(value), *after]
    if kind == "record":
        lines, made = record_lines(schema, name)
        return [*lines, sink(made)]
    if kind == "union":
        return _union(schema, name, sink)
    if kind == "array":
        start = f"{name}: {python_of(schema)} = []"
        item = _read(schema["items"], name, lambda value: f"{name}.append({value})")
    elif kind == "map":
        start = f"{name}: {python_of(schema)} = {{}}"
        key = f"{name}_key"
        item = _read("string", key, _assign(key))
        item += _read(schema["values"], name, lambda value: f"{name}[{key}] = {value}")
    else:
        raise ValueError(f"the codec generator does not know the Avro type `{kind}`")
    count = f"{name}_count"
    loop = [line.format(count) for line in _COUNT]
    loop += [f"if not {count}:", "    break", f"for _ in range({count}):", *indented(item)]
    taken = sink(name)
    return [start, "while True:", *indented(loop), *([taken] if taken else [])]


def _union(schema: Schema, name: str, sink: Sink) -> Lines:
    lines = ["n = buf[at]", "at += 1"]
    word = "if"
    for branch in sorted(schema, key=lambda branch: _LIKELY_FIRST.index(kind_of(branch))):
        inner = name if kind_of(branch) in _PRIMITIVES else f"{name}_some"
        lines += [f"{word} n == {2 * schema.index(branch)}:", *indented(_read(branch, inner, sink))]
        word = "elif"
    return [*lines, "else:", "    raise refused_branch(n, at)"]
