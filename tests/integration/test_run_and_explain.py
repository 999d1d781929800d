"""`continuo run` as a person uses it: a stream of decisions, `explain`, `replay`, and nothing left behind."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import psutil
import pyarrow.parquet as pq
import pytest
import yaml

from agents import explaining
from agents.codecs.avro import encode_decision, encode_decision_note
from streams.partition import partition_of
from streams.records import Decision, DecisionNote, RawEvent, Value
from streams.topology import topic_name
from tests import witness
from tests.brokers import free_port
from tests.builders import DAY_MS, NOW, compiled, small_policy
from tests.places import PARTITIONS, STARTED, Place, visit
from tests.processes import wait_until
from tests.scraping import page

pytestmark = pytest.mark.kafka

PEOPLE: Final = [f"h-{number}" for number in range(30)]


@pytest.fixture(scope="module")
def place(broker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Yield a deployment that runs, with a decision about each of PEOPLE."""
    place = Place(tmp_path_factory.mktemp("place"), small_policy(), BROKER=broker)
    with place.running("--workers", "2") as process:
        wait_until("topics", lambda: process.poll() is not None or "channels started" in place.said)
        assert process.poll() is None, place.said
        place.tell(event for person in PEOPLE for event in visit(person, 0))
        place.wait_decisions(len(PEOPLE))
        yield place
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0, place.said
        left = [name for name, pids in place.started().items() if any(map(psutil.pid_exists, pids))]
        assert left == [], place.said


def chosen(place: Place) -> Decision:
    return next(decision for decision in place.decisions() if decision.action)


def test_every_process_of_the_policy_is_started_and_told(place: Place) -> None:
    started = {name: Path(log) for name, _, log in STARTED.findall(place.said)}
    assert [name.removeprefix(f"{place.namespace}-") for name in started] == [
        "worker-0", "worker-1", "model-next_purchase", "trainer-lapse", "trainer-next_purchase", "channels",
    ]  # fmt: skip
    assert all((place.folder / log).exists() for log in started.values())
    assert f"policy small {compiled().hash[:12]} is current now" in place.said


def test_every_worker_says_that_it_is_ready(place: Place) -> None:
    first = int(place.environment["CONTINUO_WEB_PORT"])
    held = [wait_until(f"worker at {port}", lambda: page(port, "ready")) for port in (first, first + 1)]  # noqa: B023
    assert sorted(held) == ["holds partitions 0\n", "holds partitions 1\n"]


def test_every_process_tells_how_it_fares_on_the_port_that_was_said(place: Place) -> None:
    (told,) = re.findall(r"/metrics, /health and /ready of each process on 127\.0\.0\.1: (.*)", place.said)
    ports = {name: int(port) for name, port in (one.split() for one in told.split(", "))}
    assert ports.keys() == place.started().keys()
    assert len(set(ports.values())) == len(ports)
    said = {name: wait_until(name, lambda: page(port, "ready")) for name, port in ports.items()}  # noqa: B023
    others = {name: text for name, text in said.items() if not name.startswith("worker")}
    assert others == {
        "model-next_purchase": "has next_purchase\n", "trainer-next_purchase": "has next_purchase\n",
        "trainer-lapse": "has lapse\n", "channels": "has app, email\n",
    }  # fmt: skip


def test_a_decision_is_told_by_its_id(place: Place) -> None:
    decision = chosen(place)
    told = place.ask("explain", decision.decision_id)
    assert told.returncode == 0, told.stderr
    assert f"Chosen: {decision.action} by {decision.delivery_channel} ({decision.treatment})." in told.stdout
    assert "Why not the others" in told.stdout
    assert "What came later" in told.stdout
    assert "The record is intact" in told.stdout


def test_what_a_delivery_channel_reported_is_told(place: Place) -> None:
    decision = chosen(place)
    wait_until("the delivery", lambda: "  delivered" in place.explained(decision.decision_id))


def test_the_last_decision_about_a_person_is_found_by_time(place: Place) -> None:
    person = PEOPLE[0]
    first = next(one for one in place.decisions() if one.profile_id == person)
    place.tell(visit(person, 1))
    wait_until("a second decision", lambda: sum(one.profile_id == person for one in place.decisions()) == 2)
    second = max((one for one in place.decisions() if one.profile_id == person), key=lambda one: one.decided_at)
    latest = place.explain(profile_id=person)
    assert latest is not None
    assert latest.found.decision == second
    assert place.explain(profile_id=person, at="2017-07-13") is not None, "NOW is 22:40 of that day in New York"
    assert place.explain(profile_id=person, at="2017-07-12") is None
    then = place.ask("explain", "--profile", person, "--at", str(second.decided_at - 1), "--json")
    told = json.loads(then.stdout)
    assert told["decision"]["decision_id"] == first.decision_id
    assert told["is_intact"] is True
    assert told["snapshot"]["features"]["baskets_28d"] == 1
    assert {one["treatment"] for one in told["candidates"]} == {
        "soup_off.email", "soup_off.app", "soup_more.app", "bread_back.email", "bread_back.app", "recall.app",
    }  # fmt: skip
    assert place.explain(profile_id=person, at=str(first.decided_at - 1)) is None


def test_an_id_that_nobody_has_is_a_clear_error(place: Place) -> None:
    told = place.ask("explain", "0" * 32)
    assert told.returncode == 1
    assert told.stderr.startswith(f"continuo: there is no decision with the id {'0' * 32} in the namespace")


def test_an_alias_leads_to_its_person(place: Place) -> None:
    linked: dict[str, Value] = {"canonical_profile_id": PEOPLE[1]}
    place.tell([RawEvent("link", "cookie-1", "identity_linked", NOW + DAY_MS, "web", linked)])
    told = wait_until("the alias", lambda: place.explain(profile_id="cookie-1"))
    assert told.found.decision.profile_id == PEOPLE[1]


def test_a_worker_that_is_killed_is_started_again_and_the_stream_goes_on(place: Place) -> None:
    os.kill(place.started()["worker-0"][-1], signal.SIGKILL)
    wait_until("the restart", lambda: len(place.started()["worker-0"]) == 2)
    assert "worker-0 ended (Killed) and is started again in 0.2 s; see" in place.said
    before = len(place.decisions())
    place.tell(event for person in PEOPLE for event in visit(person, 3))
    assert len(place.wait_decisions(before + len(PEOPLE))) == before + len(PEOPLE)


def test_all_that_was_decided_is_decided_again_whoever_was_killed(place: Place) -> None:
    decisions = place.decisions()
    replayed = place.ask("replay")
    assert replayed.returncode == 0, replayed.stdout + replayed.stderr
    assert f"Replayed {len(decisions):,} decisions under 1 policy" in replayed.stdout
    assert replayed.stdout.count("chained from the shard's first, to the last one that the shard's state") == PARTITIONS
    assert replayed.stdout.endswith("All are equal, byte for byte.\n")


def test_a_part_of_what_was_decided_is_decided_again(place: Place) -> None:
    decisions = place.decisions()
    first, middle = min(one.decided_at for one in decisions), NOW + 2 * DAY_MS
    told = json.loads(place.ask("replay", f"{first}..{middle}", "--partition", "1", "--json").stdout)
    assert told["replayed"] == sum(one.decided_at < middle for one in decisions if one.partition == 1) > 0
    assert (told["is_equal"], told["equal"], told["triggers_gone"]) == (True, told["replayed"], 0)
    one = place.ask("replay", decisions[0].decision_id, "--json")
    assert json.loads(one.stdout)["equal"] == 1
    none = place.ask("replay", "2001-01-01..2001-02-01")
    assert none.returncode == 1
    assert none.stderr.startswith("continuo: there is no decision in 2001-01-01..2001-02-01 in the namespace")


def test_a_policy_is_tried_on_the_past(place: Place, tmp_path: Path) -> None:
    decisions = place.decisions()
    again = json.loads(place.ask("simulate", "--json").stdout)
    assert again["recorded"]["decisions"] == again["simulated"]["decisions"] == len(decisions)
    assert (again["failed"], again["only_recorded"], again["only_simulated"]) == ([], 0, 0)
    shutil.copytree(place.folder / "policy", tmp_path / "dear")
    channels = {name: {**one, "threshold": 1e6} for name, one in small_policy()["delivery_channels"].items()}
    text = yaml.safe_dump({"delivery_channels": channels})
    (tmp_path / "dear" / "delivery_channels.yaml").write_text(text, encoding="utf-8")
    told = place.ask("simulate", "--policy", str(tmp_path / "dear"))
    assert told.returncode == 0, told.stderr
    assert f"Of {len(decisions):,} decisions that both made" in told.stdout
    (acted,) = re.findall(r"^with an action +([\d,]+) +([\d,]+) ", told.stdout, re.MULTILINE)
    assert acted == (str(sum(one.action is not None for one in decisions)), "0")
    none = place.ask("simulate", "2001-01-01..2001-02-01")
    assert none.stderr.startswith("continuo: there is no event in 2001-01-01..2001-02-01 in the namespace")


def test_the_past_is_told_with_coordination_and_without(place: Place) -> None:
    told = json.loads(place.ask("report", "--baseline", "uncoordinated", "--json").stdout)
    assert told["coordinated"]["decisions"] == len(place.decisions())
    assert told["uncoordinated"]["decisions"] > told["coordinated"]["decisions"]
    assert (told["coordinated"]["conflicting"], told["coordinated"]["failed"]) == (0, 0)
    text = place.ask("report", "--baseline", "uncoordinated", "--policy", "policy", "2017-07-13..").stdout
    assert re.search(r"^ +coordinated +uncoordinated$", text, re.MULTILINE)


def test_what_was_decided_is_exported(place: Place, tmp_path: Path) -> None:
    told = place.ask("export", "decisions", "activations", "catalogue", "--to", str(tmp_path))
    assert told.returncode == 0, told.stderr
    decisions = place.decisions()
    assert told.stdout.startswith(f"decisions: {len(decisions)} rows in {PARTITIONS} files of {tmp_path}")
    rows = [row for file in (tmp_path / "decisions").iterdir() for row in pq.read_table(file).to_pylist()]
    assert {row["decision_id"] for row in rows} == {one.decision_id for one in decisions}
    wrong = place.ask("export", "decisions", "--since", "2017-08-01", "--until", "2017-07-01", "--to", str(tmp_path))
    assert wrong.stderr == "continuo: --until: expected a time after --since\n"


def test_a_record_that_was_changed_is_told_as_such(place: Place) -> None:
    forged = replace(chosen(place), decision_id="f" * 32, hash=bytes(32))
    write(place, "decisions", forged.profile_id, encode_decision(forged))
    late = DecisionNote(forged.decision_id, forged.profile_id, "late_answer", NOW, {"model": "lapse", "status": "ok"})
    write(place, "decision-notes", forged.profile_id, encode_decision_note(late))
    told = place.explained(forged.decision_id)
    assert "THE RECORD WAS CHANGED" in told
    assert "lapse answered when it was decided already (ok)" in told
    replayed = place.ask("replay", f"--partition={forged.partition}")
    assert replayed.returncode == 1
    assert f"chain broken at {forged.decision_id}" in replayed.stdout
    assert f"different: {forged.decision_id}" in replayed.stdout
    assert replayed.stdout.endswith("NOT ALL IS AS IT WAS DECIDED.\n")


def test_everything_that_is_held_of_a_person_is_shown_and_then_erased(place: Place) -> None:
    person, alias = PEOPLE[1], "cookie-1"
    mine = [one for one in place.decisions() if one.profile_id == person]
    held = json.loads(place.ask("show", alias).stdout)
    assert (held["profile_id"], held["asked_for"]) == (person, alias)
    assert held["state"]["profiles"][0]["consents"]["email"][0] == 1
    assert len(held["state"]["contacts"]) == 1
    assert "key" not in held["state"]["profiles"][0]
    assert [one["decision_id"] for one in held["records"]["decisions"]] == [one.decision_id for one in mine]
    assert {one["saw"]["profile_id"] for one in held["records"]["decisions"]} == {person}
    assert len(held["records"]["events"]) >= 2 * len(mine)
    assert held["kept_for_days"]["decisions"] == 30

    told = place.ask("erase", alias, "--yes", "--because", "asked by letter")
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith(f"{person} is erased: the key is gone")
    assert "decisions and decision-notes and outcomes" in told.stdout
    left = json.loads(place.ask("show", person).stdout)
    assert (left["state"]["contacts"], left["state"]["open_decisions"]) == ([], [])
    assert (left["state"]["profiles"][0]["series"], left["state"]["profiles"][0]["consents"]) == ({}, {})
    assert {one["saw"] for one in left["records"]["decisions"]} == {"erased"}
    assert left["records"]["contact-states"][-1]["suppressed"] == ["global"]
    assert left["records"]["events"][-1]["properties"] == {"reason": "asked by letter"}
    assert f"The key of {person} is erased" in place.explained(mine[0].decision_id)
    again = place.ask("erase", person, "--yes")
    assert (again.returncode, again.stderr) == (
        1, f"continuo: '{person}' is erased already, and has not been heard of since\n",
    )  # fmt: skip


def test_of_a_stranger_nothing_is_shown_and_nothing_erased(place: Place) -> None:
    assert place.ask("show", "nobody").stderr.startswith("continuo: nothing is held of 'nobody' in the namespace")
    assert place.ask("erase", "nobody", "--yes").stderr.startswith("continuo: nobody is known by the name 'nobody'")


def test_of_a_person_whose_key_is_erased_the_rest_is_told(place: Place) -> None:
    decision = chosen(place)
    write(place, "changelog", decision.profile_id, None, key=b"P" + decision.profile_id.encode())
    told = place.explained(decision.decision_id)
    assert f"The key of {decision.profile_id} is erased" in told
    assert f"Chosen: {decision.action} by {decision.delivery_channel}" in told
    explanation = place.explain(decision.decision_id)
    assert explanation is not None
    assert explaining.to_json(explanation, "agent")["snapshot"]["features"] == {}
    replayed = place.ask("replay", decision.decision_id)
    assert replayed.returncode == 3
    assert "its person's key is erased" in replayed.stdout


def test_a_policy_is_published_and_taken_back_in_every_shard(place: Place, tmp_path: Path) -> None:
    shutil.copytree(place.folder / "policy", tmp_path / "next")
    (tmp_path / "next" / "name.yaml").write_text("name: next", encoding="utf-8")
    published = place.ask("policy", "publish", str(tmp_path / "next"))
    assert published.returncode == 0, published.stderr
    assert published.stderr.endswith(f"{PARTITIONS} of {PARTITIONS} shards have switched\n")
    name = compiled(name="next").hash[:12]
    assert published.stdout == f"policy next {name} is current now, in every shard\n"
    assert f"* {name}  next\n" in place.ask("policy", "show").stdout
    before = {one.decision_id for one in place.decisions()}
    place.tell(event for person in PEOPLE for event in visit(person, 5))
    decisions = place.wait_decisions(len(before) + len(PEOPLE))
    assert {one.policy_hash[:12] for one in decisions if one.decision_id not in before} == {name}
    taken_back = place.ask("policy", "rollback")
    assert taken_back.stdout == f"policy small {compiled().hash[:12]} is current now, in every shard\n"


def write(place: Place, noun: str, person: str, value: bytes | None, key: bytes | None = None) -> None:
    record = (partition_of(person, PARTITIONS), key or person.encode(), value)
    witness.feed(place.broker, topic_name(place.namespace, noun), [record])


def test_however_often_it_is_told_to_end_the_kafka_that_was_started_here_is_stopped(tmp_path: Path) -> None:
    place = Place(tmp_path, small_policy(), BROKER_PORT=str(free_port()))
    with place.running("--only", "worker", "--only", "channel") as process:
        wait_until("the processes", lambda: process.poll() is not None or "channels started" in place.said)
        assert set(place.started()) == {"worker-0", "channels"}, place.said
        process.send_signal(signal.SIGINT)
        wait_until("the first", lambda: "draining; once more kills" in place.said)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0, place.said
        assert not any(psutil.pid_exists(pid) for pids in place.started().values() for pid in pids)
    assert "Kafka is stopped; its topics stay" in place.said
    assert json.loads(place.ask("status", "--json").stdout)["running"] is False


def test_all_that_is_wrong_is_told_before_anything_is_started(broker: str, tmp_path: Path) -> None:
    bundle = small_policy(zone="Atlantis")
    bundle["features"]["recency_d"]["recency"] = "basket_complete"
    place = Place(tmp_path, bundle, BROKER=broker)
    refused = place.ask("run", "--policy", "policy", "--workers", "3")
    assert refused.returncode == 1
    for expected in (
        r"policy/zone\.yaml:1: zone: expected an IANA time zone",
        r"policy/features\.yaml:\d+: features\.recency_d\.recency: ",
        r"--workers 3: expected at most 2, one for each partition",
    ):
        assert re.search(expected, refused.stderr), refused.stderr
    assert not place.home.exists()


def test_two_wrong_settings_and_a_wrong_policy_are_one_message(tmp_path: Path) -> None:
    place = Place(tmp_path, small_policy(zone="Atlantis"), PARTITIONS="0", MODE="dreaming")
    refused = place.ask("run", "--policy", "policy")
    assert refused.returncode == 1
    for expected in ("CONTINUO_PARTITIONS: expected 1 to 1000", "CONTINUO_MODE: expected live or", "zone.yaml:1: zone"):
        assert expected in refused.stderr
    assert refused.stdout == ""
