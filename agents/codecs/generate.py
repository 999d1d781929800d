"""Write `agents/codecs/generated/` anew from `schemas/`: `python -m agents.codecs.generate`.

One module per schema and one flat function each way, because in Python a call costs more than a field.
They are plain typed Python that mypyc can compile.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import schemas
from agents.codecs import emit_decode, emit_encode
from agents.codecs.emit import WIDTH, Lines, Schema, class_names, indented, wrapped
from agents.codecs.framing import HEADER_LENGTH, header

FOLDER: Final = Path(__file__).parent / "generated"
PACKAGE: Final = '"""Codecs written by `python -m agents.codecs.generate` from `schemas/`; never edited by hand."""\n'

# module -> what a generated one may need of it
_IMPORTABLE: Final = {
    "agents.codecs.framing": (
        *("refused", "refused_boolean", "refused_branch"),
        *("refused_end", "refused_header", "refused_text"),
    ),
    "agents.codecs.varint": (
        *("SHORT", "SMALL", "write_int", "write_long"),
        *("read_count", "read_instant", "read_int", "read_long", "read_span"),
    ),
}
_TEXT_HANDLER: Final = [
    "    except UnicodeDecodeError as error:",
    "        raise refused_text(error, end, len(buf)) from None",
]


def modules() -> dict[str, str]:
    """Return the text of every generated module by file name."""
    return {"__init__.py": PACKAGE} | {f"{name}.py": module(name) for name in schemas.NAMES}


def module(name: str) -> str:
    """Return the module that decodes and encodes the latest version of a schema."""
    version = schemas.versions(name)[-1]
    schema = schemas.load(name, version)
    record = schema["name"]
    functions = [*_decoder(name, schema), "", "", *_encoder(name, schema)]
    used = _words(functions)
    lines = [
        f'"""{record}, version {version}: written by `python -m agents.codecs.generate`, never edited by hand."""',
        "",
        "from __future__ import annotations",
        "",
        *(["import struct", ""] if "DOUBLE" in used else []),
        *(line for source, names in _IMPORTABLE.items() for line in _import(source, used.intersection(names))),
        *_import("streams.records", used.intersection(class_names(schema))),
        "",
        f"HEADER = {_literal(header(name, version))}  # id {schemas.schema_id(name, version)}",
        *(['DOUBLE = struct.Struct("<d")'] if "DOUBLE" in used else []),
        "",
        "",
        *functions,
    ]
    return "\n".join(part for line in lines for part in wrapped(line)) + "\n"


def _decoder(name: str, schema: Schema) -> Lines:
    record = schema["name"]
    fields, made = emit_decode.record_lines(schema)
    ends = "(IndexError, struct.error)" if any("DOUBLE" in line for line in fields) else "IndexError"
    return [
        f"def decode_{name}(buf: bytes | None) -> {record}:",
        f'    """Return the {record} that a framed value says; raises Undecodable."""',
        "    if buf is None or not buf.startswith(HEADER):",
        f'        raise refused_header(buf, "{name}")',
        f"    at = end = {HEADER_LENGTH}" if "end" in _words(fields) else f"    at = {HEADER_LENGTH}",
        "    try:",
        *indented(fields, 2),
        *(_TEXT_HANDLER if "decode" in _words(fields) else []),
        f"    except {ends}:",
        '        raise refused("truncated") from None',
        "    if at != len(buf):",
        "        raise refused_end(at, len(buf))",
        f"    return {made}",
    ]


def _encoder(name: str, schema: Schema) -> Lines:
    record = schema["name"]
    return [
        f"def encode_{name}(record: {record}) -> bytes:",
        f'    """Return the framed value that says a {record}; raises OverflowError at too many bits."""',
        "    out = [HEADER]",
        *indented(emit_encode.record_lines(schema)),
        '    return b"".join(out)',
    ]


def _words(lines: Lines) -> set[str]:
    return set(re.findall(r"\w+", "\n".join(lines)))


def _import(source: str, found: set[str]) -> Lines:
    names = sorted(found, key=lambda name: (not name.isupper(), name))
    if not names:
        return []
    line = f"from {source} import {', '.join(names)}"
    return [line] if len(line) <= WIDTH else [f"from {source} import (", *(f"    {name}," for name in names), ")"]


def _literal(value: bytes) -> str:
    return 'b"' + "".join(f"\\x{byte:02x}" for byte in value) + '"'


def main() -> None:
    """Write the modules."""
    FOLDER.mkdir(exist_ok=True)
    for file, text in modules().items():
        (FOLDER / file).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
