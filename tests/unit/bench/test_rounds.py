"""Rounds are interleaved, what others disturbed is void, and a void run is tried once more and counts nowhere."""

from __future__ import annotations

import pytest

from bench.report import ratio, spread, table, void_runs
from bench.rounds import Line, Plan, interleave, valid


def test_every_row_runs_once_a_round(capsys: pytest.CaptureFixture[str]) -> None:
    order: list[str] = []

    def run(name: str) -> Line:
        order.append(name)
        return {"us": 1.0, "others": 0.0}

    lines = interleave({"a": lambda: run("a"), "b": lambda: run("b")}, Plan(rounds=3))
    assert order == ["a", "b"] * 3
    assert [(line["row"], line["round"]) for line in lines] == [(name, n) for n in (1, 2, 3) for name in ("a", "b")]
    assert "3/3 b" in capsys.readouterr().out


def test_a_run_beside_which_others_worked_is_void_and_tried_once_more(capsys: pytest.CaptureFixture[str]) -> None:
    shares = iter([0.3, 0.01, 0.3, 0.4])
    lines = interleave({"a": lambda: {"us": 5.0, "others": next(shares)}}, Plan(rounds=2))
    assert [line["others"] for line in lines] == [0.3, 0.01, 0.3, 0.4]
    assert [line["others"] for line in valid(lines, "a")] == [0.01]
    assert "void" in capsys.readouterr().out
    assert void_runs(lines)[0].startswith("3 of 4 runs are void")


def test_a_row_that_is_not_there_is_refused() -> None:
    with pytest.raises(SystemExit, match="there is no c here; there are a, b"):
        interleave({"a": dict, "b": dict}, Plan(rows=("c",)))


def test_the_table_shows_medians_spread_and_ratios_and_nothing_of_a_void_run() -> None:
    lines = [
        *({"row": "ours", "us": us, "others": 0.0} for us in (4.0, 6.0, 5.0)),
        {"row": "ours", "us": 90.0, "others": 0.5},
        *({"row": "peer", "us": us, "others": 0.0} for us in (10.0, 10.0, 10.0)),
        {"row": "gone", "us": 1.0, "others": 0.2},
    ]
    titles = [("ours", "us"), ("peer", "them"), ("gone", "disturbed"), ("absent", "did not run")]
    shown = table(titles, lines, [("µs", spread("us")), ("ours = 1", ratio("us", lines, "ours"))])
    assert shown.splitlines() == [
        "| | µs | ours = 1 |",
        "|---|---|---|",
        "| us | 5.00 (4.00–6.00) | 1.00 |",
        "| them | 10.00 (10.00–10.00) | 2.00 |",
        "| disturbed | void |  |",
    ]
