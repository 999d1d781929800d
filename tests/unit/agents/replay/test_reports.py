"""What is replayed of a range, and how it is told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agents.errors import UserError
from agents.replay.report import to_json, to_text
from tests.recording import Recording
from tests.replays import replayed


def test_one_decision_is_replayed_alone(recording: Recording) -> None:
    decision = recording.decisions(1)[4]
    report = replayed(recording, decision.decision_id)
    assert (report.fates, report.is_equal) == ({"equal": 1}, True)
    assert "partition 1: 1 decisions, chained from the one before 4, to the end of the range" in to_text(report)
    assert ("changelog", 0) not in recording.reads
    assert replayed(recording, "0" * 32).replayed == 0


def test_a_stretch_of_time_is_replayed_alone(recording: Recording) -> None:
    days = [one.decided_at for partition in (0, 1) for one in recording.decisions(partition)]
    since, until = sorted(days)[5], sorted(days)[11]
    recording.change(0, lambda one: replace(one, u=one.u ^ 1))
    report = replayed(recording, f"{since}..{until}")
    assert (report.replayed, report.is_equal) == (6, True)


def test_a_partition_that_is_not_there_is_refused(recording: Recording) -> None:
    with pytest.raises(UserError, match="there is no partition 2: the deployment has 2, the first is 0"):
        replayed(recording, partition=2)
    with pytest.raises(UserError, match="ends before it begins"):
        replayed(recording, "2017-06-01..2017-06-01T03:00Z")


def test_all_that_is_told_can_be_had_as_json(recording: Recording) -> None:
    for place in range(5):
        recording.change(place, lambda one: replace(one, u=one.u ^ 1))
    told = to_json(replayed(recording))
    assert (told["is_equal"], told["replayed"], told["different"], told["chain_breaks"]) == (False, 40, 5, 0)
    assert told["unreadable"] == {"record": 0, "evidence": 0, "policy": 0, "key": 0, "other key": 0}
    assert told["findings"][0]["differences"][0]["field"] == "u"
    assert told["partitions"][0] == {
        "partition": 0, "decisions": 20, "begins": "chained from the shard's first",
        "ends": "to the last one that the shard's state names",
    }  # fmt: skip


def test_more_findings_than_are_shown_are_counted(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.replay.report.FINDINGS_MAX", 2)
    for place in range(5):
        recording.change(place, lambda one: replace(one, u=one.u ^ 1, q=7, flags=[], score_micro=1, source="?"))
    text = to_text(replayed(recording))
    assert "… and 3 more findings." in text
    assert "more: " in text
