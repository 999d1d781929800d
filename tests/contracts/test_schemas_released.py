"""A released schema stays as it is, and every version of a name reads every other."""

from __future__ import annotations

import copy
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastavro
import pytest

import schemas
from schemas.__main__ import main
from schemas.compatibility import breaking
from schemas.release import LIST, problems, release

Schema = dict[str, Any]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for file in [*schemas.FOLDER.glob("*.avsc"), schemas.FOLDER / LIST]:
        shutil.copy(file, tmp_path)
    return tmp_path


def test_all_schemas_are_released_and_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    listed = {line.split()[1] for line in (schemas.FOLDER / LIST).read_text(encoding="utf-8").splitlines()}
    assert listed == {file.name for file in schemas.FOLDER.glob("*.avsc")}
    assert main() == 0
    assert capsys.readouterr().out == "nothing new\n"


def test_an_edit_of_a_released_schema_is_refused(folder: Path) -> None:
    file = folder / "tick.v1.avsc"
    file.write_text(file.read_text(encoding="utf-8").replace("clock", "watch"), encoding="utf-8")
    assert problems(folder) == [
        "tick.v1.avsc was released and is edited: undo that and write the next version beside it"
    ]


def test_a_released_schema_that_is_gone_is_told(folder: Path) -> None:
    (folder / "tick.v1.avsc").unlink()
    assert problems(folder) == [
        "tick.v1.avsc was released and is gone: bring it back, others still write with it",
        "tick.v1.avsc has a number in schemas.NUMBERS and no file",
    ]


def test_a_new_version_needs_a_number_of_its_own(folder: Path) -> None:
    shutil.copy(folder / "tick.v1.avsc", folder / "tick.v2.avsc")
    assert problems(folder) == ["tick.v2.avsc has no number in schemas.NUMBERS: add one at the end"]
    assert problems(folder, {**schemas.NUMBERS, ("tick", 2): 4}) == ["schemas.NUMBERS gives one number to two schemas"]
    assert problems(folder, {**schemas.NUMBERS, ("tick", 2): len(schemas.NUMBERS) + 1}) == []


def test_a_new_version_is_added_to_the_list_and_locked(folder: Path) -> None:
    before = (folder / LIST).read_text(encoding="utf-8").splitlines()
    shutil.copy(folder / "tick.v1.avsc", folder / "tick.v2.avsc")
    assert release(folder) == ["tick.v2.avsc"]
    after = (folder / LIST).read_text(encoding="utf-8").splitlines()
    assert set(before) < set(after)
    (folder / "tick.v2.avsc").write_text("{}", encoding="utf-8")
    assert problems(folder)[0].startswith("tick.v2.avsc was released and is edited")


def test_a_version_that_breaks_another_is_refused(folder: Path) -> None:
    schema = schemas.load("tick")
    schema["fields"][0]["type"] = "string"
    (folder / "tick.v2.avsc").write_text(json.dumps(schema), encoding="utf-8")
    assert problems(folder, {**schemas.NUMBERS, ("tick", 2): len(schemas.NUMBERS) + 1}) == [
        "tick: version 1 cannot read version 2: ticked_at was string and is long",
        "tick: version 2 cannot read version 1: ticked_at was long and is string",
    ]


def adds(field: Schema) -> Callable[[Schema], None]:
    return lambda schema: schema["fields"].append(field)


def drops(name: str) -> Callable[[Schema], None]:
    def change(schema: Schema) -> None:
        schema["fields"] = [field for field in schema["fields"] if field["name"] != name]

    return change


def retypes(name: str, change_type: Callable[[Any], Any]) -> Callable[[Schema], None]:
    def change(schema: Schema) -> None:
        for field in schema["fields"]:
            if field["name"] == name:
                field["type"] = change_type(field["type"])
                field.pop("default", None)

    return change


def rebranches(change_union: Callable[[list[Any]], list[Any]]) -> Callable[[Schema], None]:
    return retypes("properties", lambda kind: {**kind, "values": change_union(kind["values"])})


def renames(schema: Schema) -> None:
    schema["name"] = "Deed"


def adds_inside(schema: Schema) -> None:
    schema["fields"][-1]["type"]["items"]["fields"].append({"name": "more", "type": "long"})


LONGS = {"type": "array", "items": "long"}
BREAKING = {
    "a new field without a default": ("raw_event", adds({"name": "more", "type": "string"}), "more is not there"),
    "a field dropped that had no default": ("raw_event", drops("source"), "source is not there"),
    "another type": ("raw_event", retypes("source", lambda _: "long"), "source was string and is long"),
    "a wider number": ("reward", retypes("version", lambda _: "long"), "version was long and is int"),
    "a narrower union": ("raw_event", rebranches(lambda union: union[1:]), "properties[] may be null"),
    "a wider union": ("raw_event", rebranches(lambda union: [*union, LONGS]), "properties[] may be array"),
    "optional no more": ("raw_event", retypes("traceparent", lambda _: "string"), "traceparent was null and is string"),
    "another record": ("tick", renames, "the record was Deed and is Tick"),
    "a new field inside": ("request_batch", adds_inside, "items[].more is not there"),
}  # fmt: skip


@pytest.mark.parametrize("name", BREAKING)
def test_what_breaks_is_found_and_breaks_fastavro_too(name: str) -> None:
    record, change, expected = BREAKING[name]
    old, new = schemas.load(record), schemas.load(record)
    change(new)
    found = breaking({1: old, 2: new})
    assert any(expected in problem for problem in found), found
    assert not (resolves(old, new) and resolves(new, old))


def test_an_instant_that_becomes_a_plain_number_is_found() -> None:
    old, new = schemas.load("tick"), schemas.load("tick")
    new["fields"][0]["type"] = "long"
    assert "ticked_at meant itself and means timestamp-millis" in breaking({1: old, 2: new})[0]


def test_a_type_that_our_schemas_do_not_use_is_refused() -> None:
    old, new = schemas.load("tick"), schemas.load("tick")
    for schema in (old, new):
        schema["fields"][0]["type"] = {"type": "enum", "name": "E", "symbols": ["A"]}
    assert "ticked_at: our schemas have no `enum`" in breaking({1: old, 2: new})[0]


HARMLESS: dict[str, Callable[[Schema], None]] = {
    "the same": lambda _: None,
    "a new field with a default": adds({"name": "more", "type": ["null", "string"], "default": None}),
    "a field dropped that had a default": drops("traceparent"),
    "other words": lambda schema: schema.update(doc="Said otherwise."),
    "bytes for a string": retypes("source", lambda _: "bytes"),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_breaks_nothing_passes_and_passes_fastavro_too(name: str) -> None:
    old, new = schemas.load("raw_event"), schemas.load("raw_event")
    HARMLESS[name](new)
    assert breaking({1: old, 2: new}) == []
    assert resolves(old, new)
    assert resolves(new, old)


def resolves(reader: Schema, writer: Schema) -> bool:
    """Tell whether fastavro reads with one schema what it writes with the other, for values that use every branch."""
    try:
        for datum in examples(writer):
            body = io.BytesIO()
            fastavro.schemaless_writer(body, copy.deepcopy(writer), datum)
            body.seek(0)
            fastavro.schemaless_reader(body, copy.deepcopy(writer), copy.deepcopy(reader))
    except (fastavro.read.SchemaResolutionError, ValueError, TypeError, KeyError):
        return False
    return True


SIMPLE = {"null": None, "boolean": True, "int": 7, "long": 8, "double": 0.5, "bytes": b"b", "string": "s"}


def examples(schema: Any) -> list[Any]:
    """Return values that together use every branch of every union."""
    if isinstance(schema, list):
        return [example for branch in schema for example in examples(branch)]
    kind = schema["type"] if isinstance(schema, dict) else schema
    if kind == "record":
        choices = [(field["name"], examples(field["type"])) for field in schema["fields"]]
        longest = max(len(values) for _, values in choices)
        return [{name: values[turn % len(values)] for name, values in choices} for turn in range(longest)]
    if kind == "array":
        return [examples(schema["items"])]
    if kind == "map":
        return [{str(turn): value for turn, value in enumerate(examples(schema["values"]))}]
    return [SIMPLE[kind]]
