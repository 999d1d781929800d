"""What a replay found: counts, the first findings, and whether all is as it was decided."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from agents.replay.again import DIFFERENT, EQUAL, UNREADABLE
from agents.replay.comparing import Difference
from streams.decision.wording import instant

FINDINGS_MAX: Final = 20  # shown; all are counted
DIFFERENCES_MAX: Final = 3  # of a finding that are shown in words

BREAK: Final = "break"  # of the chain
EXIT_DIFFERENT: Final = 1
EXIT_UNREADABLE: Final = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """One decision that is not equal, or that does not follow the one before it."""

    kind: str  # DIFFERENT, BREAK, or a key of UNREADABLE
    decision_id: str
    partition: int
    offset: int
    decided_at: int
    differences: tuple[Difference, ...]


@dataclass
class Stretch:
    """What was judged of one partition, and what its chain hangs on."""

    partition: int
    decisions: int = 0
    begins: str = ""
    ends: str = ""


@dataclass
class Report:
    """What became of the decisions of a range."""

    said: str  # the range
    zone: str  # in which instants are told
    fates: Counter[str] = field(default_factory=Counter)
    breaks: int = 0
    triggers_gone: int = 0
    policies: int = 0
    seconds: float = 0.0
    stretches: list[Stretch] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def replayed(self) -> int:
        """How many decisions of the range were read."""
        return self.fates.total()

    @property
    def unreadable(self) -> int:
        """How many could not be decided again."""
        return self.replayed - self.fates[EQUAL] - self.fates[DIFFERENT]

    @property
    def is_equal(self) -> bool:
        """Tell whether every decision came out byte for byte, each chained to the one before it."""
        return self.fates[EQUAL] == self.replayed and not self.breaks

    @property
    def exit_code(self) -> int:
        """Return 0 if all are equal, 1 if any differs or a chain is broken, 3 if some could only not be read."""
        if self.is_equal:
            return 0
        return EXIT_DIFFERENT if self.fates[DIFFERENT] or self.breaks else EXIT_UNREADABLE

    def find(self, finding: Finding) -> None:
        """Keep a finding, if it is one of the first."""
        if len(self.findings) < FINDINGS_MAX:
            self.findings.append(finding)


def to_json(report: Report) -> dict[str, Any]:
    """Return all of it as plain values; instants are epoch milliseconds."""
    return {
        "range": report.said,
        "is_equal": report.is_equal,
        "replayed": report.replayed,
        "equal": report.fates[EQUAL],
        "different": report.fates[DIFFERENT],
        "chain_breaks": report.breaks,
        "unreadable": {name: report.fates[name] for name in UNREADABLE},
        "triggers_gone": report.triggers_gone,
        "policies": report.policies,
        "seconds": round(report.seconds, 3),
        "partitions": [asdict(stretch) for stretch in report.stretches],
        "findings": [asdict(finding) for finding in report.findings],
    }


def to_text(report: Report) -> str:
    """Return it in words, the verdict last."""
    rate = f"{report.replayed / report.seconds:,.0f} a second" if report.seconds else "at once"
    under = f"{report.policies} {'policy' if report.policies == 1 else 'policies'}"
    lines = [
        f"Replayed {report.replayed:,} decisions under {under} in {report.seconds:.1f} s ({rate}).",
        "",
        *_counts(report),
        "",
        "Chains",
        *(f"  partition {one.partition}: {one.decisions:,} decisions{_hangs(one)}" for one in report.stretches),
    ]
    for finding in report.findings:
        lines += ["", *_told(finding, report.zone)]
    hidden = report.replayed - report.fates[EQUAL] + report.breaks - len(report.findings)
    if hidden > 0:
        lines += ["", f"… and {hidden:,} more findings."]
    return "\n".join([*lines, "", _conclusion(report)]) + "\n"


def _counts(report: Report) -> Iterator[str]:
    yield f"  equal         {report.fates[EQUAL]:>9,}"
    yield f"  different     {report.fates[DIFFERENT]:>9,}"
    yield f"  chain breaks  {report.breaks:>9,}"
    yield f"  unreadable    {report.unreadable:>9,}"
    for name, why in UNREADABLE.items():
        if report.fates[name]:
            yield f"    {report.fates[name]:>9,}: {why}"
    if report.triggers_gone:
        yield (
            f"  Of {report.triggers_gone:,} the trigger is not kept any more: its id and times stand in the head "
            "alone, and were not compared."
        )


def _hangs(one: Stretch) -> str:
    return "".join(f", {said}" for said in (one.begins, one.ends) if said)


def _told(finding: Finding, zone: str) -> Iterator[str]:
    place = f"partition {finding.partition}, offset {finding.offset}"
    when = f", decided {instant(finding.decided_at, zone)} ({zone})" if finding.decided_at else ""
    what = {BREAK: "chain broken at", DIFFERENT: "different:"}.get(finding.kind, "unreadable:")
    yield f"{what} {finding.decision_id or 'a record'}, {place}{when}"
    if finding.kind in UNREADABLE:
        yield f"  {UNREADABLE[finding.kind]}"
    for one in finding.differences[:DIFFERENCES_MAX]:
        yield f"  {one.field}"
        yield f"    recorded       {one.recorded}"
        yield f"    decided again  {one.again}"
    if more := finding.differences[DIFFERENCES_MAX:]:
        yield f"  and {len(more)} more: {', '.join(one.field for one in more)}"


def _conclusion(report: Report) -> str:
    if report.is_equal:
        return "All are equal, byte for byte."
    if report.exit_code == EXIT_UNREADABLE:
        return "Nothing differs, but not all could be decided again."
    return "NOT ALL IS AS IT WAS DECIDED."
