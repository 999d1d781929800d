"""What the campaigns have shown: one row for each fault and commit, in a file that is committed."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Final, get_args

from tests.faults.outcome import Outcome, Step

ROOT: Final = Path(__file__).resolve().parents[2]
RUNS: Final = ROOT / "tests/faults/RUNS.tsv"
PRODUCT: Final = ("agents", "streams", "schemas")
HEAD: Final = ("date", "commit", "fault", "step", "runs", "events", "violations", "recovery_s")
FULL_STEP_WANTED: Final = 10_000_000  # distinct events


@dataclass
class Row:
    """The runs of one fault with one state of the product."""

    commit: str  # the last one that changed the product; "+" = with changes that are not committed
    fault: str
    step: Step  # that events went through
    date: str = ""  # of the last run
    events: int = 0  # distinct ones, judged
    violations: int = 0
    recovery_s: list[float] = field(default_factory=list)  # one for each run


class Record:
    """The file."""

    def __init__(self, path: Path = RUNS) -> None:
        self._path = path
        self.rows: dict[tuple[str, str], Row] = {}
        lines = path.read_text(encoding="utf-8").splitlines()[1:] if path.exists() else []
        for line in lines:
            date, commit, fault, told, _, events, violations, recovery = line.split("\t")
            step = next(one for one in get_args(Step) if one == told)
            seconds = [float(one) for one in recovery.split()]
            self.rows[commit, fault] = Row(commit, fault, step, date, int(events), int(violations), seconds)

    @property
    def runs(self) -> int:
        """Return how many runs are on record."""
        return sum(len(row.recovery_s) for row in self.rows.values())

    def add(self, outcome: Outcome) -> None:
        """Add a run, and write the file."""
        commit = product_commit()
        row = self.rows.setdefault((commit, outcome.fault), Row(commit, outcome.fault, outcome.step))
        row.date = datetime.now(UTC).date().isoformat()
        row.events += outcome.events
        row.violations += outcome.violations
        row.recovery_s.append(round(outcome.recovery_s, 1))
        self._path.write_text(self.text(), encoding="utf-8")

    def text(self) -> str:
        """Return the file's text."""
        lines = ["\t".join(HEAD)]
        for row in self.rows.values():
            seconds = " ".join(f"{one:g}" for one in row.recovery_s)
            sums = (len(row.recovery_s), row.events, row.violations)
            lines.append("\t".join(map(str, (row.date, row.commit, row.fault, row.step, *sums, seconds))))
        return "\n".join(lines) + "\n"

    def table(self, faults: dict[str, tuple[str, str]]) -> str:
        """Return the table of docs/reliability.md: all runs of a fault in one row; `faults` maps names to words."""
        lines = ["| fault | counts when | runs | distinct events | violations | recovery, median s | max s |"]
        lines += ["|---|---|---:|---:|---:|---:|---:|"]
        for name, (does, evidence) in faults.items():
            rows = [row for row in self.rows.values() if row.fault == name]
            times = [one for row in rows for one in row.recovery_s]
            shown = f"{median(times):.1f} | {max(times):.1f}" if times else "– | –"
            lines.append(f"| **{name}**: {does} | {evidence} | {_sums(rows)} | {shown} |")
        toy, full = ([row for row in self.rows.values() if row.step == step] for step in get_args(Step))
        lines.append(f"| all through the toy's step | | {_sums(toy)} | | |")
        lines.append(f"| all through the full step; {FULL_STEP_WANTED:,} events are wanted | | {_sums(full)} | | |")
        return "\n".join(lines)


def _sums(rows: list[Row]) -> str:
    """Return the cells of what these rows come to."""
    runs, events = sum(len(row.recovery_s) for row in rows), sum(row.events for row in rows)
    return f"{runs} | {events:,} | {sum(row.violations for row in rows)}"


def product_commit() -> str:
    """Return the commit whose product is here; a run of changed code says so."""
    return _git("log", "-1", "--format=%h", "--", *PRODUCT) + ("+" if _git("status", "--short", "--", *PRODUCT) else "")


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()
