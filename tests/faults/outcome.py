"""What came of a run, of whatever kind."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Step = Literal["toy", "full"]


@dataclass(frozen=True)
class Outcome:
    """What came of a run."""

    fault: str
    step: Step  # that events went through
    seed: int
    events: int  # distinct ones, judged
    evidence: str  # that the fault took effect; "" = it did not, and the run does not count
    wrong: dict[str, int]  # what is violated, and how often
    recovery_s: float
    seconds: float
    kept: Path | None  # where its logs are

    @property
    def violations(self) -> int:
        """Count them."""
        return sum(self.wrong.values())

    def __str__(self) -> str:
        """Return the line of the run."""
        wrong = f"{self.violations} violations" + "".join(f"\n    {what}: {n}" for what, n in self.wrong.items())
        kept = f"\n    logs: {self.kept}" if self.kept else ""
        return (
            f"seed {self.seed:>4}  {self.fault:<22} {self.events:>7,} events  recovery {self.recovery_s:5.1f} s  "
            f"{self.seconds:5.1f} s  [{self.evidence or 'VOID: took no effect'}]  {wrong}{kept}"
        )


def keep(home: Path, place: Path, told: list[str]) -> Path:
    """Move the logs of a run to where they stay, with what was told of it."""
    shutil.rmtree(place, ignore_errors=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(home, place)
    (place / "told.txt").write_text("\n".join(told) + "\n", encoding="utf-8")
    return place
