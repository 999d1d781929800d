"""What is known of people from elsewhere: in their profiles, once, whatever stops the import; nothing is decided."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from agents.codecs.avro import decode_raw_event
from tests import witness
from tests.brokers import free_port
from tests.processes import Deployment, end, kill, wait_until
from tests.scraping import page, series
from tests.shard import plain_policy

pytestmark = pytest.mark.kafka

ROWS: Final = 30_000
BAD: Final = (7, 11_111)  # rows
COMMAND: Final = ("import", "profiles")


@pytest.fixture(scope="module")
def deployment(broker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with Deployment(broker, tmp_path_factory.mktemp("import"), plain_policy()) as running:
        yield running


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("crm") / "crm.csv"
    with path.open("w") as crm:
        crm.write("customer,basket_id,amount,consent.email\n")
        for number in range(1, ROWS + 1):
            crm.write(f"crm-{number},b,{'much' if number in BAD else '12.5'},{number % 2}\n")
    return path


def raw_ids(deployment: Deployment) -> list[str]:
    topic = deployment.topic("raw-events")
    seen = witness.read(deployment.broker, topic, deployment.partitions, committed=False)
    return [decode_raw_event(one.value).event_id for one in seen]


def test_an_import_that_is_killed_goes_on_where_it_was(deployment: Deployment, file: Path) -> None:
    told = (*COMMAND, str(file), "--type", "basket_completed", "--id", "customer")
    progress = deployment.home / "imports"
    killed = deployment.run(*told, log="killed")
    wait_until("a part of it", lambda: progress.is_dir() and any(progress.glob("*.json")))
    kill(killed)
    (kept,) = progress.glob("*.json")
    done = json.loads(kept.read_text())["rows"]
    assert 0 < done < ROWS
    assert deployment.run(*told, log="again").wait(120) == 1
    assert f"going on behind row {done:,}" in deployment.log("again").read_text()
    assert f"{ROWS:,} rows of {file}: {ROWS - 2:,} sent as basket_completed, 2 rejected" in (
        deployment.log("again").read_text()
    )
    (rejects,) = progress.glob("*.rejected.jsonl")
    rejected = [json.loads(line) for line in rejects.read_text().splitlines()]
    assert [(one["row"], one["why"]) for one in rejected] == [
        (row, "amount: expected a number, came 'much'") for row in BAD
    ]
    ids = raw_ids(deployment)
    assert len(set(ids)) == ROWS - 2
    assert len(ids) <= ROWS - 2 + 1_000, "more than a batch was sent twice"
    assert deployment.run(*told, log="third").wait(120) == 1
    assert len(raw_ids(deployment)) == len(ids), "a file that is imported already was sent again"


def test_people_are_known_then_and_nothing_is_decided_about_them(deployment: Deployment) -> None:
    port = free_port()
    worker = deployment.run("worker", "--web-port", str(port))
    wait_until("a worker that is ready", lambda: page(port, "ready"))

    def known() -> bool:
        return series(port).get(("continuo_ingest_events_total", ("import",))) == ROWS - 2

    wait_until("everybody in the stream", known)
    asked = [
        (0, b"one", b'{"event_id": "e", "profile_id": "crm-1", "type": "nothing", "source": "x", "occurred_at": 1}')
    ]
    deployment.feed("raw-events", asked)
    wait_until("what came behind them", lambda: deployment.records("dead-letters", "dead_letter"))
    told = series(port)
    assert not any(name.startswith(("continuo_propose_", "continuo_arbitrate_")) for name, _ in told)
    assert deployment.records("decisions", "decision") == []
    people = {one.profile_id: one.consent for one in deployment.records("events", "event")}
    assert len(people) == ROWS - 2
    assert (people["crm-1"], people["crm-2"]) == ({"email": True}, {"email": False})
    assert end(worker) == 0


def test_a_history_wants_to_know_when(deployment: Deployment, file: Path) -> None:
    deployment.environment["CONTINUO_MODE"] = "history"
    told = (*COMMAND, str(file), "--type", "basket_completed", "--id", "customer")
    assert deployment.run(*told, log="when").wait(60) == 1
    assert "expected a column `occurred_at`" in deployment.log("when").read_text()
    deployment.environment["CONTINUO_MODE"] = "live"


def test_columns_that_are_wrong_are_told_before_anything_is_sent(deployment: Deployment, file: Path) -> None:
    assert deployment.run(*COMMAND, str(file), "--type", "basket_completed", log="wrong").wait(60) == 1
    told = deployment.log("wrong").read_text()
    assert "2 things are wrong with the columns customer, basket_id, amount, consent.email:" in told
    assert "column 'customer' is no property of basket_completed" in told
    assert "there is no column 'profile_id'" in told
