"""Who may call the API, and what becomes of a request before anything is written."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from click.testing import CliRunner

from agents.__main__ import cli
from agents.api import intake
from agents.api.callers import Caller, Callers
from agents.api.following import Decisions
from agents.api.openapi import document
from agents.api.problems import Problem
from agents.codecs.avro import encode_decision
from agents.errors import UserError
from streams.ingest import BUILT_IN
from streams.records import Decision
from tests.builders import NOW
from tests.shard import SMALL, Shard, raw

CALLER = Caller("till", frozenset({"events"}), frozenset({"till", "shop"}))


def decided() -> Decision:
    shard = Shard()
    shard.tell(raw(at=NOW))
    decision: Decision = shard.said["decisions"][0]
    return decision


def test_a_key_that_is_made_lets_its_owner_in_and_is_nowhere_in_the_file(tmp_path: Path) -> None:
    made = CliRunner().invoke(cli, ["api-key", "the web", "--role", "decide"])
    key = made.stderr.split()[-1]
    (tmp_path / "callers.toml").write_text(made.stdout)
    callers = Callers(tmp_path / "callers.toml")
    assert callers.caller({"Authorization": f"Bearer {key}"}, b"", "decide", 0).name == "the web"
    assert key not in made.stdout
    with pytest.raises(Problem, match="has the roles decide"):
        callers.caller({"Authorization": f"Bearer {key}"}, b"", "events", 0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ""),
        ("[keys.x]\nsha256 = 'short'\nroles = ['events']", "sha256"),
        (f"[keys.x]\nsha256 = '{'0' * 64}'\nroles = ['owner']", "roles"),
        ("[webhooks.x]\nsecret_file = 'none'", "expected the secret of a webhook"),
        ("[keys", "TOML"),
        ("[decide.x]\ndeadline_ms = 0", "deadline_ms"),
        ("[keyz.x]", "keyz"),
    ],
)
def test_a_file_that_is_wrong_says_where(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "callers.toml"
    if text:
        path.write_text(text)
    with pytest.raises(UserError) as refused:
        Callers(path)
    assert str(tmp_path) in str(refused.value)
    assert said in str(refused.value)


def test_ids_follow_from_the_key_of_the_request_and_who_makes_it() -> None:
    body = b'[{"profile_id": "p", "type": "t"}, {"profile_id": "p", "type": "t", "event_id": "own"}]'
    told = intake.read(body, many=True)

    def ids(caller: Caller, **headers: str) -> list[str]:
        given = {name.replace("_", "-"): text for name, text in headers.items()}
        return [event.event_id for event in intake.complete(told, caller, given, NOW)]

    first = ids(CALLER, Idempotency_Key="k")
    assert ids(CALLER, Idempotency_Key="k") == first
    assert first[1] == "own"
    other = Caller("other", CALLER.roles, CALLER.sources)
    drawn = {ids(CALLER)[0], ids(CALLER)[0], ids(other, Idempotency_Key="k")[0], ids(CALLER, Idempotency_Key="l")[0]}
    assert len(drawn | {first[0]}) == 5


def test_a_decision_is_had_by_all_who_wait_and_by_who_comes_later() -> None:
    async def wait() -> None:
        decisions, decision = Decisions(), decided()
        deadline = asyncio.get_running_loop().time() + 60
        waiting = [asyncio.ensure_future(decisions.wait(decision.decision_id, deadline)) for _ in range(2)]
        in_vain = asyncio.ensure_future(decisions.wait("0" * 32, asyncio.get_running_loop().time() + 0.01))
        assert await in_vain is None
        decisions.take(b"none")
        decisions.take(encode_decision(decision))
        assert [await one for one in waiting] == [decision, decision]
        assert await decisions.wait(decision.decision_id, 0) == decision

    asyncio.run(wait())


def test_the_document_has_the_events_of_the_policy_and_no_reference_that_leads_nowhere() -> None:
    told = document(SMALL)
    schemas = told["components"]["schemas"]
    named = {one["title"] for one in schemas["Event"]["anyOf"]}
    assert named == {*SMALL.events, *BUILT_IN}
    assert [one["title"] for one in schemas["Trigger"]["anyOf"]] == ["basket_completed"]
    references = {text.split('"')[0] for text in str(told).replace("'", '"').split("#/components/schemas/")[1:]}
    assert references <= set(schemas)
