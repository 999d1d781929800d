"""Export: files hold what topics say, and the documented queries say what the engine says."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow.parquet as pq
import pytest

from agents.codecs.avro import encode_decision
from agents.errors import UserError
from agents.exporting.catalogue import export_catalogue
from agents.exporting.columns import TABLES, Table
from agents.exporting.writing import Exported, export
from agents.policy_topic import bundles_of
from agents.ranges import parse
from agents.simulate.tally import choice_of
from streams.records import Activation, Reward
from tests.builders import DAY_MS, HOUR_MS
from tests.models import weighted
from tests.recording import Recording
from tests.replays import mixed, residents, tell_day
from tests.shard import raw
from tests.stream import Deployment

DOC: Final = Path(__file__).resolve().parents[3] / "docs/export.md"
NOUNS: Final = tuple(TABLES)
DAYS: Final = 20


@cache
def played() -> Deployment:
    """Return a deployment in which what goes out is delivered half a day later, and all windows have closed."""
    deployment = Deployment(mixed())
    deployment.learn(weighted("lapse", ["recency_d", "baskets_28d"]))
    names, reported = [*residents(0, 6), *residents(1, 6)], set()
    for day in range(DAYS):
        tell_day(deployment, names, day)
        for sent in deployment.said("activations"):
            if sent.activation_id not in reported:
                reported.add(sent.activation_id)
                told: dict[str, Any] = {
                    "activation_id": sent.activation_id, "decision_id": sent.decision_id,
                    "delivery_channel": sent.delivery_channel,
                }  # fmt: skip
                deployment.tell([
                    raw("activation_delivered", sent.decided_at + 12 * HOUR_MS, profile_id=sent.profile_id,
                        event_id=f"r-{sent.activation_id}", properties=told, source="channel")
                ])  # fmt: skip
    return deployment


def exported(to: Path, said: str = "all") -> list[Exported]:
    recording = Recording(played())
    found = asyncio.run(export(recording, NOUNS, parse(said).within("UTC"), to))
    export_catalogue(bundles_of(recording.records["policies", 0])[0], to)
    return found


def query(title: str) -> str:
    """Return the documented query under a heading."""
    section = re.search(rf"^## {title}$(.*?)(?=^## |\Z)", DOC.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert section is not None
    (found,) = re.findall(r"```sql\n(.*?)```", section[1], re.DOTALL)
    return str(found)


def ask(sql: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    monkeypatch.chdir(folder)
    return duckdb.connect().execute(sql).fetchall()


def test_files_hold_every_record_of_the_topics(tmp_path: Path) -> None:
    found = {one.noun: one for one in exported(tmp_path)}
    for noun in NOUNS:
        records = played().said(noun)
        assert records
        assert (found[noun].records, found[noun].rows) == (len(records), len(records))
        assert found[noun].unreadable == ()
        assert found[noun].told()[0].startswith(f"{noun}: {len(records):,} rows in 2 files of")
    files = sorted((tmp_path / "decisions").iterdir())
    rows = {row["decision_id"]: row for file in files for row in pq.read_table(file).to_pylist()}
    for decision in played().said("decisions"):
        row = rows[decision.decision_id]
        assert (row["action"], row["flags"], row["hash"]) == (decision.action, decision.flags, decision.hash.hex())
        assert row["decided_at"].timestamp() * 1000 == decision.decided_at
        assert row["ev_micro"] == choice_of(decision).ev_micro


def test_the_same_range_gives_the_same_bytes_and_another_less(tmp_path: Path) -> None:
    def digests(folder: Path) -> dict[str, str]:
        files = folder.rglob("*.parquet")
        return {str(one.relative_to(folder)): hashlib.sha256(one.read_bytes()).hexdigest() for one in files}

    exported(tmp_path / "one")
    exported(tmp_path / "two")
    exported(tmp_path / "two")
    assert digests(tmp_path / "one") == digests(tmp_path / "two")
    assert not list(tmp_path.rglob("*.partial"))
    first = min(one.decided_at for one in played().said("decisions"))
    until = first + 3 * DAY_MS
    part = {one.noun: one.rows for one in exported(tmp_path / "part", f"{first}..{until}")}
    assert part["decisions"] == sum(one.decided_at < until for one in played().said("decisions"))


def test_files_of_another_export_are_not_mixed_with_ours(tmp_path: Path) -> None:
    (tmp_path / "decisions").mkdir()
    (tmp_path / "decisions" / "part-7.parquet").write_bytes(b"")
    with pytest.raises(UserError, match="is of another export"):
        exported(tmp_path)


def test_a_folder_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(UserError, match="cannot be written: Not a directory"):
        exported(tmp_path / "file")


def test_what_cannot_be_read_is_named_and_left_out(tmp_path: Path) -> None:
    recording = Recording(played())
    recording.put("outcomes", 0, value=b"garbage")
    (found,) = asyncio.run(export(recording, ["outcomes"], parse("all").within("UTC"), tmp_path))
    assert found.rows == len(played().said("outcomes")) - 1
    assert found.unreadable[0].startswith("outcomes, partition 0, offset 0: ")


def test_a_decision_whose_evidence_cannot_be_read_is_there_without_what_was_expected(tmp_path: Path) -> None:
    recording = Recording(played())
    decision = recording.decisions()[0]
    older = replace(decision, evidence=b"\x01" + decision.evidence[1:])
    recording.put("decisions", 0, value=encode_decision(older))
    (found,) = asyncio.run(export(recording, ["decisions"], parse("all").within("UTC"), tmp_path))
    assert (found.rows, found.unreadable) == (len(played().said("decisions")), ())
    first = pq.read_table(tmp_path / "decisions" / "00000.parquet").to_pylist()[0]
    assert (first["decision_id"], first["ev_micro"]) == (decision.decision_id, None)


def test_files_that_hold_less_than_the_topic_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = played().said("outcomes")[3].outcome_id
    row = Table.row

    def forgetful(self: Table, record: Any, partition: int, offset: int) -> Any:
        return None if getattr(record, "outcome_id", "") == lost else row(self, record, partition, offset)

    monkeypatch.setattr(Table, "row", forgetful)
    count = len(played().said("outcomes"))
    with pytest.raises(UserError, match=f"holds {count - 1} rows, the topic has {count} records there"):
        asyncio.run(export(Recording(played()), ["outcomes"], parse("all").within("UTC"), tmp_path))


def test_caps_are_recomputed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exported(tmp_path)
    found = {channel: (most, in_all) for channel, most, in_all in ask(query("Caps"), tmp_path, monkeypatch)}
    sent = {one.activation_id: one for one in played().said("activations")}
    delivered: list[tuple[Activation, int]] = [
        (sent[note.details["activation_id"]], note.noted_at)
        for note in played().said("decision-notes") if note.kind == "delivered"
    ]  # fmt: skip

    def most(channel: str | None) -> int:
        mine = [(one.profile_id, at) for one, at in delivered if channel in (None, one.delivery_channel)]
        counts: list[int] = [
            sum(who == person and at - 7 * DAY_MS < then <= at for who, then in mine) for person, at in mine
        ]
        return max(counts)

    channels = {one.delivery_channel for one, _ in delivered}
    assert found == {channel: (most(channel), most(None)) for channel in channels}


def test_the_conflict_rate_is_recomputed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exported(tmp_path)
    delivered = sum(note.kind == "delivered" for note in played().said("decision-notes"))
    assert ask(query("Conflict rate"), tmp_path, monkeypatch) == [(delivered, 0, 0.0)]
    blind = query("Conflict rate").replace("t.taken_at <= later.told_at", "FALSE")
    blind = blind.replace("earlier.offer_days > 0", "TRUE").replace("later.cool_off_ms", "later.cool_off_ms * 10")
    ((_, conflicting, rate),) = ask(blind, tmp_path, monkeypatch)
    assert conflicting > 0, "the query finds what is in conflict where it looks further back"
    assert rate == conflicting / delivered


def test_attribution_is_recomputed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exported(tmp_path)
    found = ask(query("Attribution"), tmp_path, monkeypatch)
    wanted: dict[tuple[str, str, bool], list[Reward]] = {}
    for one in played().said("rewards"):
        if one.status == "final":
            wanted.setdefault((one.action, one.outcome, one.ghost), []).append(one)
    assert wanted
    assert Counter(found) == Counter(
        (*key, len(mine), sum(one.outcomes for one in mine), sum(one.value_micro for one in mine) / 1e6)
        for key, mine in wanted.items()
    )
