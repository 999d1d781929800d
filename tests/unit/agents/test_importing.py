"""Files of people become events: what each column says, what a row may not say, and the same events every time."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from agents.errors import UserError
from agents.importing.columns import Columns, event_id_of, identity_of, match
from agents.importing.files import RowUnreadable, count_of, digest_of, header_of, rows_of
from streams.ingest import Refused
from streams.policy import compile_policy
from tests.builders import small_policy

NOW = int(datetime(2026, 11, 28, tzinfo=UTC).timestamp() * 1000)
EVENTS = {
    "described": {
        "properties": {"city": "string", "age": "int", "spent": "money", "score": "number", "member": "bool"},
        "optional": ["city", "age", "spent", "score", "member"],
    },
    "told": {"properties": {"city": "string"}},
}


def policy(**more: Any) -> Any:
    bundle = small_policy()
    return compile_policy(bundle | {"events": bundle["events"] | EVENTS | more})


POLICY = policy()
HEADER = ["profile_id", "city", "age", "spent", "member", "consent.email", "occurred_at"]
COLUMNS = match(HEADER, POLICY, "described", "profile_id", {}, ())


def event(row: dict[str, Any], columns: Columns = COLUMNS) -> Any:
    return columns.event({"profile_id": "p"} | row, "e", NOW, POLICY, live=True)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_the_same_people_come_of_every_kind_of_file(tmp_path: Path, suffix: str) -> None:
    people: list[dict[str, Any]] = [
        {"profile_id": "a", "city": "Zürich", "age": 40, "spent": 3.5, "member": True},
        {"profile_id": "b", "city": None, "age": None, "spent": 0.0, "member": False},
    ]
    path = tmp_path / f"people{suffix}"
    if suffix == ".csv":
        lines = [",".join("" if value is None else str(value) for value in one.values()) for one in people]
        path.write_text("\ufeffprofile_id,city,age,spent,member\n" + "\n".join(lines) + "\n", encoding="utf-8")
    elif suffix == ".jsonl":
        path.write_text("".join(json.dumps(one) + "\n" for one in people))
    else:
        pq.write_table(pa.Table.from_pylist(people), path)
    assert header_of(path) == list(people[0])
    assert count_of(path) == (2 if suffix == ".parquet" else None)
    columns = match(header_of(path), POLICY, "described", "profile_id", {}, ())
    told = [columns.event(row, "e", NOW, POLICY, live=True) for row in rows_of(path) if isinstance(row, dict)]
    assert [one.profile_id for one in told] == ["a", "b"]
    assert told[0].properties == {"city": "Zürich", "age": 40, "spent": 3.5, "member": True}
    assert told[1].properties == {"spent": 0.0, "member": False}


def test_a_row_tells_an_event_of_the_source_import() -> None:
    told = event({"age": "7", "consent.email": "no", "occurred_at": "2026-11-01"})
    assert (told.source, told.type, told.profile_id) == ("import", "described", "p")
    assert told.consent == {"email": False}
    assert told.occurred_at == int(datetime(2026, 11, 1, tzinfo=UTC).timestamp() * 1000)
    assert event({}).occurred_at == NOW
    assert event({}).consent is None


@pytest.mark.parametrize(
    ("told", "means"),
    [
        (1_700_000_000_000, 1_700_000_000_000), ("1700000000000", 1_700_000_000_000),
        ("2023-11-14T22:13:20+00:00", 1_700_000_000_000), ("2023-11-14T23:13:20+01:00", 1_700_000_000_000),
        (datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC), 1_700_000_000_000),
        (datetime(2023, 11, 14, 22, 13, 20), 1_700_000_000_000),  # noqa: DTZ001
        (datetime(2023, 11, 14, tzinfo=UTC).date(), 1_699_920_000_000),
    ],
)  # fmt: skip
def test_when_it_was_so_is_said_in_many_ways(told: Any, means: int) -> None:
    assert event({"occurred_at": told}).occurred_at == means


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"aeg": 7}, "it has aeg, which the first row has not"),
        ({"age": "seven"}, "age: expected a number, came 'seven'"),
        ({"member": "perhaps"}, "member: expected one of true, 1, yes"),
        ({"consent.email": "perhaps"}, "consent.email: expected one of true, 1, yes"),
        ({"occurred_at": "soon"}, "occurred_at: expected milliseconds or ISO 8601, came 'soon'"),
        ({"occurred_at": [1]}, "occurred_at: expected milliseconds or ISO 8601"),
        ({"city": ["a", "b"]}, "city: expected a string, came list"),
        ({"age": 1.5}, "mistyped:age"),
        ({"profile_id": ""}, "missing:profile_id"),
        ({"occurred_at": NOW + 10**9}, "future_time"),
    ],
)
def test_a_row_that_is_no_event_says_why(row: dict[str, Any], says: str) -> None:
    with pytest.raises((RowUnreadable, Refused), match="^" + says.replace("(", r"\(").replace("[", r"\[")):
        event(row)


def test_numbers_of_databases_are_numbers() -> None:
    assert event({"spent": Decimal("3.50"), "age": 7.0}).properties == {"spent": 3.5, "age": 7}


def test_everything_that_is_wrong_with_the_columns_is_told_at_once() -> None:
    with pytest.raises(UserError) as refused:
        match(["id", "town", "notes"], POLICY, "told", "profile_id", {"zip": "zipcode"}, ["remarks"])
    told = str(refused.value)
    assert told.startswith("7 things are wrong with the columns id, town, notes:")
    for what in ("'id' is no", "'town' is no", "'notes' is no", "'profile_id'", "'zipcode'", "'remarks'", "'city'"):
        assert what in told


def test_two_columns_of_one_name_are_refused() -> None:
    with pytest.raises(UserError, match="two columns are called 'city'"):
        match(["profile_id", "city", "city"], POLICY, "told", "profile_id", {}, ())


def test_columns_are_renamed_and_skipped() -> None:
    columns = match(["no", "town", "notes"], POLICY, "told", "no", {"city": "town"}, ["notes"])
    assert columns == Columns(("no", "town", "notes"), "told", "no", "", {"city": "town"}, {})


def test_a_type_that_is_none_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UserError, match=r"--type nothing: expected one of the policy's event types: .*described"):
        match(HEADER, POLICY, "nothing", "profile_id", {}, ())


def test_what_is_no_row_is_told_in_its_place(tmp_path: Path) -> None:
    lines = tmp_path / "people.jsonl"
    lines.write_bytes(b'{"profile_id": "a"}\nnonsense\n[1]\n\xff\n{"profile_id": "b"}\n')
    assert [isinstance(row, RowUnreadable) for row in rows_of(lines)] == [False, True, True, True, False]
    table = tmp_path / "people.csv"
    table.write_text("profile_id,city\na,b,c\nb,c\n")
    assert [isinstance(row, RowUnreadable) for row in rows_of(table)] == [True, False]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("people.xlsx", b"", "expected a name that ends in .parquet, .csv, .jsonl"),
        ("people.parquet", b"nonsense", "expected a Parquet file"),
        ("people.csv", b"a,b\n\xff\xfe,1\n", "expected CSV in UTF-8"),
    ],
)
def test_a_file_of_another_kind_is_refused(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UserError, match=says):
        list(map(str, [*header_of(path), *rows_of(path)]))


def test_the_same_file_read_alike_is_the_same_events_and_any_other_is_others(tmp_path: Path) -> None:
    path, other = tmp_path / "a.csv", tmp_path / "b.csv"
    path.write_text("profile_id\na\n")
    other.write_text("profile_id\nb\n")
    same = identity_of(digest_of(path), COLUMNS)
    assert same == identity_of(digest_of(path), match(HEADER, POLICY, "described", "profile_id", {}, ()))
    read_otherwise = replace(COLUMNS, properties={})
    identities = {same, identity_of(digest_of(other), COLUMNS), identity_of(digest_of(path), read_otherwise)}
    assert len(identities) == 3
    assert event_id_of(same, 1) == event_id_of(same, 1) != event_id_of(same, 2)
    with pytest.raises(UserError, match="expected a file that can be read"):
        digest_of(tmp_path / "nowhere")
