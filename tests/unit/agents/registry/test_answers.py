"""The read-only registry answers as Confluent's does, and says no as Confluent's does."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

import schemas
from agents.registry.answers import Answer, Registry
from agents.registry.subjects import subjects

RAW: Final = "continuo.raw-events.v1-value"


def ask(path: str, method: str = "GET", body: Any = None, **query: str) -> Answer:
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Registry("continuo").answer(method, path, query, sent)


def code(answer: Answer) -> int:
    assert answer.body["message"]
    assert str(answer.body["error_code"]).startswith(str(answer.status))
    return int(answer.body["error_code"])


def as_sent(schema: Any) -> dict[str, str]:
    return {"schema": json.dumps(schema)}


@pytest.mark.parametrize(("name", "version"), schemas.NUMBERS)
def test_every_id_on_the_wire_resolves_to_its_schema(name: str, version: int) -> None:
    number = schemas.schema_id(name, version)
    assert json.loads(ask(f"/schemas/ids/{number}").body["schema"]) == schemas.load(name, version)
    assert ask(f"/schemas/ids/{number}/schema").body == schemas.load(name, version)


@pytest.mark.parametrize(("subject", "name"), subjects("continuo", ["churn"]).items())
def test_every_topic_of_a_contract_is_a_subject(subject: str, name: str) -> None:
    assert ask(f"/subjects/{subject}/versions").body == schemas.versions(name)
    latest = ask(f"/subjects/{subject}/versions/latest")
    assert latest.status == 200
    assert latest.body["id"] == schemas.schema_id(name)
    for told in ("-1", latest.body["version"]):
        assert ask(f"/subjects/{subject}/versions/{told}") == latest
    assert ask(f"/subjects/{subject}/versions/latest/schema").body == schemas.load(name)
    assert ask(f"/subjects/{subject}", "POST", as_sent(schemas.load(name))) == latest


def test_what_is_listed_is_there() -> None:
    listed = ask("/subjects").body
    assert listed == sorted(subjects("continuo"))
    assert RAW in listed
    assert ask("/subjects", subjectPrefix="continuo.raw").body == [RAW]
    assert ask("/schemas/types").body == ["AVRO"]
    assert ask("/config").body == ask(f"/config/{RAW}").body == {"compatibilityLevel": "FULL_TRANSITIVE"}
    assert ask("/mode").body == ask(f"/mode/{RAW}").body == {"mode": "READONLY"}


def test_an_id_tells_where_it_is_used() -> None:
    number = schemas.schema_id("tick")
    used = [f"continuo.{noun}.v1-value" for noun in ("barriers", "ticks")]
    assert ask(f"/schemas/ids/{number}/subjects").body == used
    assert ask(f"/schemas/ids/{number}/versions").body == [{"subject": one, "version": 1} for one in used]


def test_a_look_up_passes_over_documentation_and_nothing_else() -> None:
    told = schemas.load("raw_event")
    del told["doc"], told["fields"][0]["doc"]
    assert ask(f"/subjects/{RAW}", "POST", as_sent(told)).status == 200
    optional = next(field for field in told["fields"] if "default" in field)
    del optional["default"]
    assert code(ask(f"/subjects/{RAW}", "POST", as_sent(told))) == 40403


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/subjects/other.raw-events.v1-value/versions", 40401),
        ("/subjects/continuo.changelog.v1-value/versions/1", 40401),
        ("/config/nobody", 40401),
        ("/mode/nobody", 40401),
        (f"/subjects/{RAW}/versions/99", 40402),
        (f"/subjects/{RAW}/versions/0", 42202),
        (f"/subjects/{RAW}/versions/first", 42202),
        (f"/subjects/{RAW}/versions/٣", 42202),
        ("/schemas/ids/1", 40403),
        ("/schemas/ids/2000009999/versions", 40403),
        ("/schemas/ids/x", 40403),
        ("/contexts", 404),
    ],
)
def test_what_is_not_there_has_its_code(path: str, expected: int) -> None:
    assert code(ask(path)) == expected


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"\xff", b"[" * 100_000, {}, {"schema": 1}, {"schema": "{"}, as_sent({"type": "recrod"}),
     as_sent(None), as_sent("nobody"), {"schema": "1"}, {"schema": "{}", "schemaType": "PROTOBUF"}],
)  # fmt: skip
def test_a_look_up_of_what_is_no_schema_is_refused(body: Any) -> None:
    assert code(ask(f"/subjects/{RAW}", "POST", body)) == 42201


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", f"/subjects/{RAW}/versions"),
        ("DELETE", f"/subjects/{RAW}"),
        ("DELETE", f"/subjects/{RAW}/versions/1"),
        ("PUT", "/config"),
        ("PUT", f"/config/{RAW}"),
        ("DELETE", f"/config/{RAW}"),
        ("PUT", "/mode"),
    ],
)
def test_whatever_writes_is_refused_with_the_remedy(method: str, path: str) -> None:
    answer = ask(path, method, as_sent(schemas.load("raw_event")))
    assert code(answer) == 42205
    assert "continuo schemas register" in answer.body["message"]
