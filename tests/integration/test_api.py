"""The HTTP door on a real Kafka: what is answered is in Kafka, what is decided is committed, what is wrong is named."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from standardwebhooks import Webhook

from agents.api.callers import fingerprint
from agents.codecs.avro import decode_raw_event
from tests import witness
from tests.api import CALLERS, KEY, READER, SECRET, Api
from tests.brokers import free_port
from tests.processes import Deployment, kill, wait_until
from tests.scraping import misdeclared, page, series
from tests.shard import plain_policy

pytestmark = pytest.mark.kafka

POINT: Final = "checkout"
DEFAULT: Final = f"""
[decide.{POINT}]
deadline_ms = 30
action = "greeting"
treatment = "greeting.app"
delivery_channel = "app"
"""
PATIENT: Final = "/decide?deadline_ms=5000"
WHOLE: Final = {"basket_id": "b", "amount": 12.5, "lines": 3.0}  # JSON has one kind of number
LEFT: Final = {"profile_id": "p", "type": "unsubscribed", "properties": {"delivery_channel": "app"}}
EXAMPLES: Final = 8  # of each kind that schemathesis makes of each operation


def live_policy() -> dict[str, Any]:
    bundle = plain_policy()
    bundle["actions"][0] |= {"valid_from": "2020-01-01", "valid_to": "2100-01-01"}
    return bundle


@pytest.fixture(scope="module")
def deployment(broker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with Deployment(broker, tmp_path_factory.mktemp("api"), live_policy()) as running:
        yield running


@pytest.fixture(scope="module")
def worker(deployment: Deployment) -> subprocess.Popen[bytes]:
    return deployment.run("worker", "--web-port", str(free_port()))


@pytest.fixture(scope="module")
def api(deployment: Deployment, worker: subprocess.Popen[bytes]) -> Api:
    return Api(deployment, CALLERS + DEFAULT)


def basket(profile_id: Any = "p", **fields: Any) -> dict[str, Any]:
    properties = {"basket_id": "b", "amount": 12.5}
    return {"profile_id": profile_id, "type": "basket_completed", "properties": properties} | fields


def written(deployment: Deployment) -> list[Any]:
    """Return what stands on raw-events now."""
    seen = witness.read(deployment.broker, deployment.topic("raw-events"), deployment.partitions, committed=False)
    return [decode_raw_event(one.value) for one in seen]


def accepted(deployment: Deployment, ids: set[str]) -> list[str]:
    return [one.event_id for one in deployment.records("events", "event") if one.event_id in ids]


def wait_decided(api: Api, event: dict[str, Any]) -> tuple[int, Any]:
    """Ask until the decision came in time: on a busy machine it may take longer than anybody may wait for it."""

    def ask() -> tuple[int, Any] | None:
        status, answer = api.post(PATIENT, event)
        return (status, answer) if answer["choices"][0]["status"] == "decided" else None

    return wait_until("a decision in time", ask)


def test_what_is_answered_is_in_kafka_though_the_process_dies_at_once(deployment: Deployment, api: Api) -> None:
    doomed = Api(deployment)
    told = [basket(f"doomed-{n}", event_id=f"doomed-{n}") for n in range(500)]
    status, answer = doomed.post("/events", told)
    kill(doomed.process)
    assert (status, answer["accepted"]) == (202, 500)
    ids = [one.event_id for one in written(deployment) if one.event_id.startswith("doomed-")]
    assert sorted(ids) == sorted(answer["event_ids"]) == sorted(f"doomed-{n}" for n in range(500))


def test_without_a_policy_it_says_come_again(broker: str, tmp_path: Path) -> None:
    with Deployment(broker, tmp_path, live_policy(), is_published=False) as unpublished:
        door = Api(unpublished, until="health")
        status, answer = door.post("/events", basket("early"))
        assert (status, answer["title"]) == (503, "Service Unavailable")
        assert "no policy is published yet" in answer["detail"]
        assert page(door.port, "ready") is None
        unpublished.publish()
        wait_until("an API that is ready", lambda: page(door.port, "ready"))
        assert door.post("/events", basket("early"))[0] == 202
        told = series(door.port)
        assert told["continuo_api_requests_total", ("events", "503")] == 1
        assert told["continuo_api_requests_total", ("events", "202")] == 1
        assert told["continuo_api_events_total", ("website",)] == 1
        assert misdeclared(door.port, "api") == []


def test_a_key_is_taken_and_given_without_a_restart(broker: str, tmp_path: Path) -> None:
    with Deployment(broker, tmp_path, live_policy()) as deployment:
        door = Api(deployment)
        assert door.post("/events", basket(), READER)[0] == 202
        door.callers.write_text(CALLERS.replace(fingerprint(READER), fingerprint("ck_of-a-successor")))
        wait_until("the new key", lambda: door.post("/events", basket(), "ck_of-a-successor")[0] == 202)
        assert door.post("/events", basket(), READER)[0] == 401
        door.callers.write_text("keys = nonsense")
        said = deployment.log(f"api-{door.port}")
        wait_until("a word about the nonsense", lambda: "callers stay as they were" in said.read_text())
        assert door.post("/events", basket())[0] == 202


def test_one_event_is_taken_with_what_it_leaves_out(deployment: Deployment, api: Api) -> None:
    before = time.time_ns() // 1_000_000
    status, answer = api.post("/events", basket("one", consent={"email": True}))
    assert (status, answer["accepted"]) == (202, 1)
    (event,) = [one for one in written(deployment) if one.event_id == answer["event_ids"][0]]
    assert (event.profile_id, event.source, event.consent) == ("one", "website", {"email": True})
    assert before <= event.occurred_at <= time.time_ns() // 1_000_000


def test_a_request_that_comes_again_with_its_key_counts_once(deployment: Deployment, api: Api) -> None:
    told = [basket("twice"), basket("twice")]
    answers = [api.post("/events", told, Idempotency_Key="k-1") for _ in range(2)]
    other = api.post("/events", told, Idempotency_Key="k-2")
    assert answers[0] == answers[1]
    ids = {*answers[0][1]["event_ids"], *other[1]["event_ids"]}
    assert len(ids) == 4
    last = api.post("/events", basket("twice", event_id="twice-last"))
    assert last[0] == 202
    wait_until("the last event of that person", lambda: accepted(deployment, {"twice-last"}))
    found = deployment.records("events", "event")
    whole = found, deployment.records("dead-letters", "dead_letter"), written(deployment)
    assert sorted(one.event_id for one in found if one.event_id in ids) == sorted(ids), whole


def test_a_webhook_is_known_by_its_signature(deployment: Deployment, api: Api) -> None:
    body = json.dumps(basket("hooked")).encode()

    def send(said: bytes, at: float) -> tuple[int, Any]:
        instant = datetime.fromtimestamp(at, UTC)
        signature = Webhook(SECRET).sign("msg_1", instant, body.decode())
        told = {"webhook_id": "msg_1", "webhook_timestamp": str(int(at)), "webhook_signature": f"v1a,x {signature}"}
        return api.post("/events", said, None, **told)

    first, again = send(body, time.time()), send(body, time.time())
    assert first == again
    assert first[0] == 202
    assert [one.source for one in written(deployment) if one.profile_id == "hooked"] == ["shop", "shop"]
    assert send(body + b" ", time.time())[0] == 401
    assert send(body, time.time() - 400)[0] == 401
    assert send(body, time.time() + 400)[0] == 401


@pytest.mark.parametrize(
    ("path", "body", "key", "status", "said"),
    [
        ("/events", basket(), None, 401, "Bearer"),
        ("/events", basket(), "ck_of-nobody", 401, "declared"),
        ("/decide", basket(), READER, 403, "decide"),
        ("/events", basket(source="other"), READER, 403, "'other'"),
        ("/events", b"{", KEY, 400, "JSON"),
        ("/events", b'{"profile_id": "\xff"}', KEY, 400, "UTF-8"),
        ("/events", b'{"profile_id": "\\ud800"}', KEY, 400, "JSON"),
        ("/events", [], KEY, 400, "1 to 1000"),
        ("/events", [basket(), basket(profile_id=7)], KEY, 400, "$[1].profile_id"),
        ("/events", basket(profile_id=""), KEY, 400, "$.profile_id"),
        ("/events", basket(colour="red"), KEY, 400, "colour"),
        ("/events", basket(occurred_at="2026-01-01"), KEY, 400, "$.occurred_at"),
        ("/events", [basket(), basket(type="unheard_of")], KEY, 422, "event 1"),
        ("/events", basket(properties={"basket_id": "b"}), KEY, 422, "missing:amount"),
        ("/events", basket(occurred_at=1 << 42), KEY, 409, "future_time"),
        ("/events", [basket(), basket(occurred_at=1.5)], KEY, 400, "$[1].occurred_at"),
        ("/events", basket(event_id="x" * 257), KEY, 400, "$.event_id"),
        ("/events", basket(properties={"basket_id": "b", "amount": 1, "x": "y" * (1 << 20)}), KEY, 413, "event 0"),
        ("/events", b" " * (5 << 20), KEY, 413, "body"),
        ("/decide", [basket()], KEY, 400, "Expected `object`"),
        ("/decide?deadline_ms=0", basket(), KEY, 400, "deadline_ms"),
        ("/decide", LEFT, KEY, 422, "no decision point"),
        ("/nowhere", basket(), KEY, 404, "/nowhere"),
    ],
)
def test_what_is_wrong_is_named(api: Api, path: str, body: Any, key: str | None, status: int, said: str) -> None:
    came, problem = api.post(path, body, key)
    assert (came, problem["status"]) == (status, status)
    assert said in json.dumps(problem, ensure_ascii=False)


def test_a_key_that_is_no_word_is_refused(api: Api) -> None:
    for key in ("", "two words", "k" * 257, "caf\xe9"):
        assert api.post("/events", basket(), Idempotency_Key=key)[0] == 400


def test_what_is_not_json_is_not_read(api: Api) -> None:
    assert api.post("/events", b"{}", Content_Type="text/plain")[0] == 415


def test_a_decision_is_answered_once_it_is_committed_and_again_the_same(deployment: Deployment, api: Api) -> None:
    status, answer = wait_decided(api, basket("decided", event_id="d-1", properties=WHOLE))
    assert api.post("/decide?deadline_ms=1", basket("decided", event_id="d-1", properties=WHOLE)) == (status, answer)
    assert (status, answer["event_id"]) == (200, "d-1")
    (choice,) = answer["choices"]
    (decision,) = [one for one in deployment.records("decisions", "decision") if one.profile_id == "decided"]
    assert choice == {
        "decision_point": POINT, "decision_id": decision.decision_id, "status": "decided", "action": "soup_off",
        "treatment": "soup_off.app", "delivery_channel": "app", "activation_id": decision.activation_id,
        "reason": None,
    }  # fmt: skip
    assert (decision.action, decision.trigger_event_id) == ("soup_off", "d-1")


def test_without_a_decision_in_time_the_declared_default_is_answered(
    deployment: Deployment, api: Api, worker: subprocess.Popen[bytes]
) -> None:
    wait_decided(api, basket("waiting", event_id="w-0"))
    worker.send_signal(signal.SIGSTOP)
    try:
        begun = time.monotonic()
        status, answer = api.post("/decide?deadline_ms=200", basket("waiting", event_id="w-1"))
        assert time.monotonic() - begun >= 0.2
    finally:
        worker.send_signal(signal.SIGCONT)
    (choice,) = answer["choices"]
    assert (status, choice["status"], choice["reason"]) == (200, "default", "no_decision_in_time")
    assert (choice["action"], choice["treatment"], choice["activation_id"]) == ("greeting", "greeting.app", None)
    (later,) = wait_decided(api, basket("waiting", event_id="w-1"))[1]["choices"]
    assert later["decision_id"] == choice["decision_id"]


def test_nothing_was_taken_that_was_not_answered(deployment: Deployment, api: Api) -> None:
    ids = {one.event_id for one in written(deployment)}
    assert {one for one in ids if not one.startswith("doomed-")} == api.answered


@pytest.mark.slow
def test_schemathesis_finds_the_document_kept(deployment: Deployment, api: Api) -> None:
    hasty = Api(deployment, f"decide_ms_max = 100\n{CALLERS}")  # what decides nothing is waited for in full
    command = [
        sys.executable, "-m", "schemathesis.cli", "run", f"{hasty.address}/openapi.json", "--checks", "all",
        "--mode", "all", "--phases", "coverage,fuzzing", "--max-examples", str(EXAMPLES), "--seed", "1",
        "--generation-deterministic", "-H", f"Authorization: Bearer {KEY}", "--no-color",
        "--request-timeout", "60", "--max-response-time", "60",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=deployment.home, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout[-8_000:] + done.stderr[-2_000:]
