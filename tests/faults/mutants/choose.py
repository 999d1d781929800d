"""Tries the mutants that `draw.py` prints; those that are wrong in silence become `by_mutmut.py` (`make mutants`).

What stops the deployment or makes a stage fail needs no judge, so it is counted and not kept.  What changes nothing
that is said or kept is named in `unchanged.py`, with the reason; a mutant that is missing there, or that the judge does
not find, ends it with 1.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Final

from tests.faults.mutants.planting import Mutant
from tests.faults.mutants.trial import Trial, attempt_apart, clean
from tests.faults.mutants.unchanged import UNCHANGED

SEEDS: Final = (1, 2)  # of months, as for the mutants planted by hand
WRITTEN: Final = Path(__file__).parent / "by_mutmut.py"
HEAD: Final = '''"""Bugs that nobody chose, drawn from all that mutmut makes of the engine (`make mutants`)."""

from __future__ import annotations

from typing import Final

from tests.faults.mutants.planting import Mutant

FATES: Final = {fates}  # of all that were drawn
BY_MUTMUT: Final = (
'''
WIDTH: Final = 90  # characters of a literal
SILENT: Final = "is silent, and is found"
NOTHING: Final = "changes nothing that is said or kept"


def fate_of(trials: list[Trial], digests: list[str]) -> str:
    """Return how a mutant fared in its months, in a word; in capitals where the judge is too weak."""
    through = [(trial, digest) for trial, digest in zip(trials, digests, strict=True) if not trial.ended]
    if not through:
        return "stops the deployment"
    changed = [trial for trial, digest in through if trial.digest != digest]
    if not changed:
        return NOTHING
    is_found = any(trial.found or trial.unseen for trial in changed)
    if any(trial.loud for trial in changed):
        return "makes a stage fail, and is found" if is_found else "MAKES A STAGE FAIL, AND IS NOT FOUND"
    return SILENT if is_found else "IS SILENT, AND IS NOT FOUND"


def main() -> int:
    """Try them all."""
    months = [clean(seed) for seed in SEEDS]
    fates: Counter[str] = Counter()
    kept: list[Mutant] = []
    unexplained = []
    for line in sys.stdin:
        mutant = Mutant(**json.loads(line))
        trials = []
        for seed, (_, expected) in zip(SEEDS, months, strict=True):
            trials.append(attempt_apart(mutant, seed, expected))
            if trials[-1].found:
                break
        fate = fate_of(trials, [digest for digest, _ in months][: len(trials)])
        fates[fate] += 1
        if fate == SILENT:
            kept.append(mutant)
        if fate.isupper() or (fate == NOTHING and mutant.name not in UNCHANGED):
            unexplained.append(mutant.name)
        told = [one for trial in trials for one in (*trial.found, *trial.unseen, trial.ended) if one]
        print(f"{fate}: {mutant.name}", *told[:1], flush=True)
    counts = "".join(f"    {json.dumps(fate)}: {count},\n" for fate, count in sorted(fates.items()))
    text = HEAD.replace("{fates}", f"{{\n{counts}}}") + "".join(map(_written, kept)) + ")\n"
    WRITTEN.write_text(text, encoding="utf-8")
    print(text.partition("BY_MUTMUT")[0], "unexplained:", ", ".join(unexplained) or "none")
    return int(bool(unexplained))


def _written(mutant: Mutant) -> str:
    fields = (mutant.name, mutant.module, mutant.function, mutant.old, mutant.new)
    return "    Mutant(\n" + "".join(f"        {_literal(told)},\n" for told in fields) + "    ),\n"


def _literal(text: str) -> str:
    """Return a text as Python, a literal for each of its lines, and for each part of a long one."""
    parts = [line[at : at + WIDTH] for line in text.splitlines(keepends=True) for at in range(0, len(line), WIDTH)]
    return "\n        ".join(map(_quoted, parts or [""]))


def _quoted(part: str) -> str:
    said = json.dumps(part, ensure_ascii=False)
    return said if '"' not in part else repr(part)


if __name__ == "__main__":
    sys.exit(main())
