"""Whatever is changed in what was recorded is found and told: in the evidence, the head, the hash, the order."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import fields, replace
from functools import partial
from typing import Any, Final

import msgspec
import pytest

from agents.codecs.rows import decode_profile, encode_row
from agents.replay.report import to_text
from agents.vault import PersonalVault
from streams.decision import Verdict, pack, unpack
from streams.ids import chained
from streams.records import Decision
from tests.recording import Recording
from tests.replays import recorded, replayed
from tests.shard import compiled

VAULT: Final = PersonalVault()


def first(recording: Recording, holds: Callable[[Decision], Any]) -> int:
    """Return where the first such decision of partition 0 stands that is not the last one."""
    return next(place for place, one in enumerate(recording.decisions()[:-1]) if holds(one))


def forged(recording: Recording, edit: Callable[[Verdict], Verdict]) -> Callable[[Decision], Decision]:
    """Return a decision of which the evidence says something else, with its hash made anew."""

    def forge(decision: Decision) -> Decision:
        key = key_of(recording, decision.profile_id)
        verdict = edit(unpack(decision.evidence, partial(VAULT.open, key)))
        evidence = pack(verdict, partial(VAULT.seal, key))
        assert evidence != decision.evidence
        return replace(decision, evidence=evidence, hash=chained(decision.previous_hash, evidence))

    return forge


def key_of(recording: Recording, profile_id: str) -> bytes:
    name = b"P" + profile_id.encode()
    rows = [one.value for noun, partition in list(recording.records) if noun == "changelog"
            for one in recording.records[noun, partition] if one.key == name]  # fmt: skip
    return decode_profile(rows[-1]).key


def test_what_was_decided_comes_out_again(recording: Recording) -> None:
    report = replayed(recording)
    decisions = recording.decisions(0) + recording.decisions(1)
    assert {one.source for one in decisions} >= {"best", "explore", "holdout"}
    assert report.fates == {"equal": len(decisions)}
    assert (report.is_equal, report.exit_code, report.policies) == (True, 0, 2)
    text = to_text(report)
    assert f"Replayed {len(decisions)} decisions under 2 policies" in text
    half = len(recording.decisions())
    assert f"partition 0: {half} decisions, chained from the shard's first, to the last one that the" in text
    assert text.endswith("All are equal, byte for byte.\n")


@pytest.mark.parametrize("name", [field.name for field in fields(Decision)])
def test_any_field_that_says_something_else_is_found(recording: Recording, name: str) -> None:
    place = first(recording, lambda one: one.action)

    def edit(decision: Decision) -> Decision:
        old = getattr(decision, name)
        others: dict[type, Any] = {str: f"{old}x", bytes: bytes(old)[:-1] + b"?" if isinstance(old, bytes) else b""}
        new = others.get(type(old), old + 1 if isinstance(old, int) else [*(old or ()), "x"])
        changed: dict[str, Any] = {name: "x" if old is None else new}
        return replace(decision, **changed)

    recording.change(place, edit)
    report = replayed(recording)
    assert report.fates["different"] == 1
    assert report.exit_code == 1
    (difference, *_) = next(one for one in report.findings if one.kind == "different").differences
    expected = {"evidence": "hash", "previous_hash": "hash"}.get(name, name)
    assert difference.field == expected
    assert bool(report.breaks) == (name in ("hash", "previous_hash"))


def test_no_byte_can_be_flipped_unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.replay.again.compile_policy", compiled)  # once, not for each byte
    recording = recorded(people=1, days=1)
    (record,) = recording.records["decisions", 0]
    (decision,) = recording.decisions()
    assert replayed(recording, partition=0).is_equal
    for at in range(len(record.value)):
        flipped = bytearray(record.value)
        flipped[at] ^= 0x01
        recording.put("decisions", 0, value=bytes(flipped))
        assert replayed(recording, partition=0).exit_code, f"byte {at} of {len(flipped)}, {decision}"


@pytest.mark.parametrize(
    ("edit", "field"),
    [
        (lambda one: replace(one, q=[one.q[0] - 1, *one.q[1:-1], one.q[-1] + 1]), "evidence, q"),
        (lambda one: replace(one, scores_micro=[value + 1 for value in one.scores_micro]), "evidence, scores_micro"),
        (lambda one: replace(one, failed=[0, *one.failed[1:-1], 1]), "evidence, filter model_missing"),
        (lambda one: replace(one, failed=one.failed[:-1]), "evidence, filters"),
        (lambda one: replace(one, policy_hash=one.policy_hash, u=one.u ^ 1), "evidence, u"),
        (lambda one: replace(one, decision_point="elsewhere"), "evidence"),
    ],
)
def test_evidence_that_was_forged_with_its_hash_is_decided_otherwise(
    recording: Recording, edit: Callable[[Verdict], Verdict], field: str
) -> None:
    place = first(recording, lambda one: one.action and one.q < 1 << 32)
    recording.change(place, forged(recording, edit))
    report = replayed(recording)
    kinds = [finding.kind for finding in report.findings]
    assert sorted(kinds) == ["break", "different"]
    assert field in [one.field for one in report.findings[kinds.index("different")].differences]


def test_what_a_forged_snapshot_changes_shows_in_what_it_leads_to(recording: Recording) -> None:
    def forget_consent(verdict: Verdict) -> Verdict:
        return replace(verdict, snapshot=replace(verdict.snapshot, consents=[[0, 0]]))

    place = first(recording, lambda one: one.delivery_channel == "email")
    recording.change(place, forged(recording, forget_consent))
    text = to_text(replayed(recording))
    assert "evidence, filter consent" in text
    assert "recorded       lets pass soup_off.email, bread_back.email" in text
    assert "decided again  refuses soup_off.email, bread_back.email" in text
    assert text.endswith("NOT ALL IS AS IT WAS DECIDED.\n")


def test_other_bytes_that_say_the_same_are_not_the_same(recording: Recording) -> None:
    def pad(decision: Decision) -> Decision:
        told = msgspec.msgpack.decode(decision.evidence[1:])
        short = msgspec.msgpack.encode(told[3])
        assert short.startswith(b"\xcf"), "an instant is written as eight unsigned bytes"
        evidence = decision.evidence.replace(short, b"\xd3" + short[1:], 1)  # as eight signed ones
        return replace(decision, evidence=evidence, hash=chained(decision.previous_hash, evidence))

    recording.change(len(recording.decisions()) - 1, pad)
    report = replayed(recording)
    (finding, _) = report.findings
    assert finding.differences[0].field.startswith("byte 1")
    assert report.breaks == 1, "the shard's state names another hash"


def test_a_decision_that_was_taken_out_is_missed(recording: Recording) -> None:
    del recording.records["decisions", 0][3]
    report = replayed(recording)
    assert (report.breaks, report.fates["different"], report.exit_code) == (1, 0, 1)
    assert "chain broken at" in to_text(report)


def test_a_decision_that_was_taken_out_at_the_end_is_missed(recording: Recording) -> None:
    del recording.records["decisions", 1][-1]
    report = replayed(recording)
    assert (report.breaks, report.exit_code) == (1, 1)
    assert "partition 1: 19 decisions, chained from the shard's first, BUT NOT TO THE ONE" in to_text(report)
    assert replayed(recording, partition=0).is_equal
    assert replayed(recording, "..2017-08-01").is_equal, "the range ends before: nothing is said of what came later"


def test_a_decision_that_was_put_in_twice_is_found(recording: Recording) -> None:
    records = recording.records["decisions", 0]
    records.insert(2, records[1])
    assert replayed(recording).breaks == 1


def test_a_first_decision_that_follows_something_is_found(recording: Recording) -> None:
    del recording.records["decisions", 0][0]
    recording.put("decisions", 0, offset=0)
    assert replayed(recording).breaks == 1


def test_where_the_first_decisions_are_not_kept_it_is_said_from_where_the_chain_is_followed(
    recording: Recording,
) -> None:
    del recording.records["decisions", 0][:3]
    report = replayed(recording)
    assert report.is_equal
    offset = recording.records["decisions", 0][0].offset
    assert f"chained from offset {offset}, the first record that is kept" in to_text(report)


def test_without_a_persons_key_what_is_left_is_compared_and_called_unreadable(recording: Recording) -> None:
    person = recording.decisions()[0].profile_id
    theirs = sum(one.profile_id == person for one in recording.decisions())
    rows = recording.records["changelog", 0]
    recording.records["changelog", 0] = [row for row in rows if row.key != b"P" + person.encode()]
    report = replayed(recording)
    assert (report.fates["key"], report.fates["different"], report.breaks) == (theirs, 0, 0)
    assert report.exit_code == 3
    text = to_text(report)
    assert f"{theirs}: its person's key is erased" in text
    assert text.endswith("Nothing differs, but not all could be decided again.\n")
    recording.change(0, lambda one: replace(one, score_micro=one.score_micro + 1))
    assert replayed(recording).fates["different"] == 1


def test_a_key_that_was_made_anew_opens_nothing_old(recording: Recording) -> None:
    place = next(n for n, row in enumerate(recording.records["changelog", 0]) if row.key[:1] == b"P")
    row = recording.records["changelog", 0][place]
    other = decode_profile(row.value)
    other.key = bytes(16)
    recording.put("changelog", place, value=encode_row(other))
    report = replayed(recording)
    assert report.fates["other key"] == sum(one.profile_id.encode() == row.key[1:] for one in recording.decisions())
    assert report.fates["different"] == 0


def test_a_deleted_row_is_an_erased_key_and_a_later_one_counts(recording: Recording) -> None:
    rows = recording.records["changelog", 0]
    row = next(one for one in rows if one.key[:1] == b"P")
    rows.append(copy.copy(row))
    recording.put("changelog", len(rows) - 1, value=None)
    assert replayed(recording).fates["key"]
    rows.append(copy.copy(row))
    assert replayed(recording).is_equal


def test_a_person_who_is_met_while_we_read_is_looked_for_again(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = recording.records["changelog", 0]
    late = [row for row in rows if row.key == b"P" + recording.decisions()[1].profile_id.encode()]
    recording.records["changelog", 0] = [row for row in rows if row not in late]
    scan = recording.scan

    def scan_later(noun: str, partition: int) -> Any:
        if (noun, partition) == ("changelog", 0) and recording.reads.count((noun, partition)):
            recording.records["changelog", 0] = rows
        return scan(noun, partition)

    monkeypatch.setattr(recording, "scan", scan_later)
    assert replayed(recording).is_equal
    assert recording.reads.count(("changelog", 0)) == 2


def test_without_its_policy_nothing_is_decided_again(recording: Recording) -> None:
    name = recording.decisions()[0].policy_hash
    policies = recording.records["policies", 0]
    recording.records["policies", 0] = [one for one in policies if one.key != b"bundle/" + name.encode()]
    report = replayed(recording)
    assert report.fates["policy"] == sum(
        one.policy_hash == name for partition in (0, 1) for one in recording.decisions(partition)
    )
    assert (report.fates["different"], report.exit_code) == (0, 3)
    recording.change(0, lambda one: replace(one, hash=bytes(32)))
    assert replayed(recording).fates["different"] == 1


def test_a_policy_that_was_changed_under_its_name_is_found(recording: Recording) -> None:
    value = recording.records["policies", 0][0].value
    recording.put("policies", 0, value=value.replace(b'"epsilon":0.6', b'"epsilon":0.7'))
    report = replayed(recording)
    assert report.fates["different"]
    assert "policy_hash" in [one.field for one in report.findings[0].differences]


def test_evidence_of_another_version_is_unreadable(recording: Recording) -> None:
    def later(decision: Decision) -> Decision:
        evidence = b"\x01" + decision.evidence[1:]
        return replace(decision, evidence=evidence, hash=chained(decision.previous_hash, evidence))

    recording.change(2, later)
    assert replayed(recording).fates["evidence"] == 1


def test_a_record_that_is_no_decision_is_unreadable_and_the_next_is_not_blamed(recording: Recording) -> None:
    recording.put("decisions", 2, value=recording.records["decisions", 0][2].value[:-3])
    report = replayed(recording)
    assert (report.fates["record"], report.fates["different"], report.breaks) == (1, 0, 0)
    assert "unreadable: a record, partition 0, offset 2" in to_text(report)


@pytest.mark.parametrize(("fields", "field"), [({"key": b"who"}, "profile_id"), ({"headers": ()}, "header `step`")])
def test_what_stands_beside_a_record_is_compared_too(
    recording: Recording, fields: dict[str, Any], field: str
) -> None:
    recording.put("decisions", 1, **fields)
    (finding,) = replayed(recording).findings
    assert finding.differences[0].field == field


def test_a_trigger_that_is_not_kept_any_more_is_said_to_be_missing(recording: Recording) -> None:
    del recording.records["events", 0][:10]
    report = replayed(recording)
    assert (report.triggers_gone, report.is_equal) == (5, True)
    assert "Of 5 the trigger is not kept any more" in to_text(report)


def test_a_trigger_that_never_was_is_found(recording: Recording) -> None:
    events = recording.records["events", 0]
    recording.records["events", 0] = [one for one in events if b"basket_completed" not in one.value or one is events[1]]
    report = replayed(recording)
    assert report.fates["different"] == len(recording.decisions()) - 1
    assert report.findings[0].differences[0].again == "no accepted event has this id"


def test_only_so_many_triggers_are_remembered(recording: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.replay.triggers.KEPT_MAX", 2)
    report = replayed(recording)
    assert report.is_equal
    assert 0 < report.triggers_gone < report.replayed
