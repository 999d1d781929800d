"""The schemas say what the records are, and every reader of Avro can read them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields
from typing import Any, get_type_hints

import fastavro
import pytest
from avro import schema as avro_schema

import schemas
from agents.codecs.avro import DECODERS, ENCODERS
from agents.codecs.emit import is_class, kind_of, python_of
from streams import records
from streams.topology import TOPICS
from tests.strategies import RECORDS

ALL = [(name, version) for name in schemas.NAMES for version in schemas.versions(name)]


def records_in(schema: Any) -> Iterator[dict[str, Any]]:
    kind = kind_of(schema)
    if kind == "union":
        for branch in schema:
            yield from records_in(branch)
    elif kind in {"array", "map"}:
        yield from records_in(schema["items" if kind == "array" else "values"])
    elif kind == "record":
        yield schema
        for field in schema["fields"]:
            yield from records_in(field["type"])


def test_every_topic_has_its_schema_and_every_schema_a_topic() -> None:
    assert {topic.schema for topic in TOPICS if topic.schema} == set(schemas.NAMES)


def test_every_schema_has_its_codec_and_its_strategy() -> None:
    assert set(DECODERS) == set(ENCODERS) == set(RECORDS) == set(schemas.NAMES)


def test_ids_on_the_wire_stay() -> None:
    assert (schemas.schema_id("raw_event"), schemas.schema_id("dispatch", 1)) == (2_000_000_001, 2_000_000_015)
    assert [schemas.by_id(schemas.schema_id(*each)) for each in ALL] == ALL
    assert schemas.by_id(7) is None


def test_an_unknown_schema_is_told_with_those_there_are() -> None:
    with pytest.raises(KeyError, match="no schema `events`; there are: raw_event, event"):
        schemas.load("events")


@pytest.mark.parametrize(("name", "version"), ALL)
def test_both_avro_libraries_parse_it(name: str, version: int) -> None:
    assert fastavro.parse_schema(schemas.load(name, version))
    assert avro_schema.parse(json.dumps(schemas.load(name, version))).fullname == f"continuo.{RECORDS[name].__name__}"


@pytest.mark.parametrize("name", schemas.NAMES)
def test_it_says_the_fields_of_the_record_in_their_order_and_types(name: str) -> None:
    for schema in records_in(schemas.load(name)):
        if not is_class(schema):
            continue
        kind = getattr(records, schema["name"])
        assert [field["name"] for field in schema["fields"]] == [field.name for field in fields(kind)]
        hints = get_type_hints(kind)
        for field in schema["fields"]:
            assert eval(python_of(field["type"]), vars(records)) == hints[field["name"]], field["name"]


@pytest.mark.parametrize(("name", "version"), ALL)
def test_every_record_and_field_is_documented_and_every_instant_is_marked(name: str, version: int) -> None:
    for schema in records_in(schemas.load(name, version)):
        assert schema["doc"].endswith(".")
        for field in schema["fields"]:
            assert field["doc"].endswith("."), field["name"]
            is_instant = field["name"].endswith(("_at", "_until")) or field["name"] == "timestamp"
            assert (kind_of(field["type"]) == "instant") == is_instant, field["name"]


@pytest.mark.parametrize(("name", "version"), ALL)
def test_an_optional_field_defaults_to_null(name: str, version: int) -> None:
    for schema in records_in(schemas.load(name, version)):
        for field in schema["fields"]:
            if isinstance(field["type"], list):
                assert field["type"][0] == "null"
                assert field["default"] is None


def test_a_raw_event_is_how_an_event_and_a_routed_event_begin() -> None:
    raw, event, routed = (schemas.load(name)["fields"] for name in ("raw_event", "event", "routed_event"))

    def shape(some: list[dict[str, Any]]) -> list[tuple[str, Any]]:
        return [(field["name"], field["type"]) for field in some]

    assert shape(event[: len(raw)]) == shape(raw) == shape(routed[0]["type"]["fields"])
