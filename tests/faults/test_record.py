"""Runs add up by fault and commit, and tell what events went through."""

from __future__ import annotations

from pathlib import Path

from tests.faults.outcome import Outcome, Step
from tests.faults.record import RUNS, Record
from tests.faults.table import BY_NAME


def outcome(fault: str, step: Step, events: int, **wrong: int) -> Outcome:
    return Outcome(fault, step, 1, events, "seen", wrong, 2.04, 10.0, None)


def test_what_is_written_is_read_again_and_added_to(tmp_path: Path) -> None:
    path = tmp_path / "runs.tsv"
    Record(path).add(outcome("kill", "toy", 100))
    Record(path).add(outcome("stream-kill", "full", 30, letters=2))
    Record(path).add(outcome("stream-kill", "full", 40))
    read = Record(path)
    assert read.runs == 3
    assert read.text() == path.read_text()
    table = read.table({"stream-kill": ("kills", "it did")}).splitlines()
    assert table[2] == "| **stream-kill**: kills | it did | 2 | 70 | 2 | 2.0 | 2.0 |"
    assert [line.split("|")[3:6] for line in table[3:]] == [[" 1 ", " 100 ", " 0 "], [" 2 ", " 70 ", " 2 "]]


def test_what_is_on_record_is_of_faults_that_there_are() -> None:
    rows = Record(RUNS).rows.values()
    assert [row for row in rows if BY_NAME[row.fault].step != row.step] == []
    assert len(rows) > 10
