"""Tries the mutants that `draw.py` prints and keeps those that change what is recorded: `choose.py < drawn`.

What is kept is written to `drawn.json` beside this file; `test_mutants.py` plants it again.  How all of them fared is
printed, and a mutant that changes the record and is not found is told and ends it with 1: the judge is too weak.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Final

from tests.faults.mutants.planting import Mutant
from tests.faults.mutants.trial import Trial, attempt_apart, clean

SEED: Final = 1  # of the month
KEPT: Final = Path(__file__).parent / "drawn.json"
KEPT_MAX: Final = 30


def fate_of(trial: Trial, digest: str) -> str:
    """Return how a trial came out, in a word."""
    if trial.ended:
        return "stops the deployment"
    if trial.digest == digest:
        return "changes nothing that is recorded"
    if trial.loud:
        return "fails aloud, and is found" if trial.found else "FAILS ALOUD, AND IS NOT FOUND"
    if trial.found:
        return "is silent, and is found"
    return "is silent, and is found by what is missing" if trial.unseen else "IS SILENT, AND IS NOT FOUND"


def main() -> int:
    """Try them all."""
    digest, expected = clean(SEED)
    fates: Counter[str] = Counter()
    kept: list[dict[str, str]] = []
    for line in sys.stdin:
        told = json.loads(line)
        trial = attempt_apart(Mutant(**told), SEED, expected)
        fate = fate_of(trial, digest)
        fates[fate] += 1
        if fate.startswith("is silent") and len(kept) < KEPT_MAX:
            kept.append(told)
        print(f"{fate}: {told['name']}", *trial.found[:1], *trial.unseen[:3], trial.ended, flush=True)
        if fate.isupper():
            print(told["old"], told["new"], sep="\n  ->\n", flush=True)
    KEPT.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    for fate, count in sorted(fates.items()):
        print(f"{count:>5} {fate}")
    return int(any(fate.isupper() for fate in fates))


if __name__ == "__main__":
    sys.exit(main())
