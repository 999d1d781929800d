"""Generated codecs are what the generator writes from the schemas that are there."""

from __future__ import annotations

from typing import Any

import pytest

from agents.codecs.emit import local
from agents.codecs.emit_decode import record_lines as decode_lines
from agents.codecs.emit_encode import record_lines as encode_lines
from agents.codecs.generate import FOLDER, modules


def test_generated_codecs_are_fresh() -> None:
    there = {file.name: file.read_text(encoding="utf-8") for file in FOLDER.glob("*.py")}
    assert there == modules(), "run `python -m agents.codecs.generate`"


def record(kind: Any) -> dict[str, Any]:
    return {"type": "record", "name": "Tick", "fields": [{"name": "ticked_at", "type": kind}]}


@pytest.mark.parametrize("write", [decode_lines, encode_lines])
def test_a_type_that_the_generator_does_not_know_is_told(write: Any) -> None:
    with pytest.raises(ValueError, match="does not know the Avro type `fixed`"):
        write(record({"type": "fixed", "name": "Hash", "size": 32}))


def test_a_union_whose_branches_nothing_tells_apart_is_told() -> None:
    two_maps = [{"type": "map", "values": "long"}, {"type": "array", "items": "long"}, "null"]
    with pytest.raises(ValueError, match="`ticked_at`: a union has one array, map or record at most"):
        encode_lines(record(two_maps))


def test_a_field_named_as_generated_code_names_its_own_is_told() -> None:
    with pytest.raises(ValueError, match="field `buf`: generated codecs use that name, choose another"):
        local("", "buf")
