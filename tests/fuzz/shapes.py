"""How bytes of each format are a tree and back, and what to begin with."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from functools import cache
from io import BytesIO
from typing import Any, Final

import fastavro
import msgspec
import yaml
from fastavro.utils import generate_many

import schemas
from agents.codecs.framing import HEADER_LENGTH, header
from tests.fuzz.target import Shape, Tree

SEED: Final = 1
_pack: Final = msgspec.msgpack.Encoder().encode
_unpack: Final = msgspec.msgpack.Decoder().decode
_WORDS: Final = re.compile(r"\s+|[A-Za-z_][\w.]*|[0-9]+|'[^']*'|[<>=!]=|.", re.DOTALL)


def avro(name: str) -> Shape:
    """Return the shape of a framed record; what is not its schema's type cannot be said."""

    def to_tree(data: bytes) -> Tree:
        return fastavro.schemaless_reader(BytesIO(data[HEADER_LENGTH:]), parsed(name), None)

    def from_tree(tree: Tree) -> bytes:
        body = BytesIO()
        fastavro.schemaless_writer(body, parsed(name), tree)
        return header(name) + body.getvalue()

    return Shape(to_tree, from_tree)


def avro_seeds(name: str, count: int = 3) -> Callable[[], list[bytes]]:
    """Return framed records of a schema, whatever their fields say."""

    def seeds() -> list[bytes]:
        kept = random.getstate()
        random.seed(SEED)
        try:
            trees = [*generate_many(parsed(name), count)]
        finally:
            random.setstate(kept)
        return [avro(name).from_tree(tree) for tree in trees]

    return seeds


@cache
def parsed(name: str) -> Any:
    """Return a schema as fastavro takes it, without logical types: instants stay the integers they are."""
    return fastavro.parse_schema(_plain(schemas.load(name)))


def _plain(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {name: _plain(value) for name, value in schema.items() if name != "logicalType"}
    return [_plain(one) for one in schema] if isinstance(schema, list) else schema


def _to_json(data: bytes) -> Tree:
    return json.loads(data)


def _from_json(tree: Tree) -> bytes:
    return json.dumps(tree, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _from_yaml(tree: Tree) -> bytes:
    return yaml.safe_dump(tree, sort_keys=False, allow_unicode=True).encode("utf-8", "surrogatepass")


def _from_toml(tree: Tree) -> bytes:
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in tree.items()).encode("utf-8", "surrogatepass")


def _from_toml_back(data: bytes) -> Tree:
    lines = (line.partition("=") for line in data.decode().splitlines())
    return {name.strip(): json.loads(value) for name, _, value in lines}


def _versioned(data: bytes) -> Tree:
    return [data[:1], _unpack(data[1:])]


def _version_back(tree: Tree) -> bytes:
    version, array = tree
    said: bytes = version + _pack(array)  # raises where the version is no bytes any more
    return said


MSGPACK: Final = Shape(_unpack, _pack)
VERSIONED: Final = Shape(_versioned, _version_back)  # a byte before the MessagePack
JSON: Final = Shape(_to_json, _from_json)
YAML: Final = Shape(yaml.safe_load, _from_yaml)
TOML: Final = Shape(_from_toml_back, _from_toml)
LINES: Final = Shape(lambda data: data.decode().splitlines(), lambda tree: "\n".join(tree).encode())
TEXT: Final = Shape(lambda data: _WORDS.findall(data.decode()), lambda tree: "".join(tree).encode())
