"""One trial: a month with a bug planted, and what the judge says of it."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import dataclass, field
from typing import Final

from tests.faults.checker import flaws, mechanisms
from tests.faults.month import Month
from tests.faults.mutants.planting import Mutant, planted

PATIENCE_S: Final = 90  # for a month that takes some seconds: what takes longer does not end
SHOWN: Final = 3


@dataclass(frozen=True)
class Trial:
    """What came of it."""

    digest: str = ""  # of all that was said and kept; "" = it did not come to an end
    loud: int = 0  # records and timers on which a stage failed
    found: list[str] = field(default_factory=list)  # by the judge: the first flaws
    unseen: list[str] = field(default_factory=list)  # mechanisms that were not at work, and are in a month without bugs
    ended: str = ""  # why it did not come to an end


def clean(seed: int) -> tuple[str, set[str]]:
    """Return the digest of a month without a bug, and the mechanisms that are at work in it."""
    month = Month(seed)
    log, case = month.play()
    assert flaws(log, case) == []
    return month.digest(), set(mechanisms(log, case))


def attempt(mutant: Mutant, seed: int, expected: set[str]) -> Trial:
    """Play a month with the bug; what the engine raises ends it."""
    month = Month(seed)
    try:
        with planted(mutant):
            log, case = month.play()
    except Exception as error:  # noqa: BLE001  # whatever a mutant does
        return Trial(ended=f"{type(error).__name__}: {error}"[:200])
    loud = sum(letter["cause"].startswith("internal_error") for letter in log.told("dead-letters"))
    found = flaws(log, case)
    seen = mechanisms(log, case) if not found else dict.fromkeys(expected)
    return Trial(month.digest(), loud, found[:SHOWN], sorted(expected - set(seen)))


def attempt_apart(mutant: Mutant, seed: int, expected: set[str]) -> Trial:
    """Do the same in a process of its own, which may hang."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        signal.alarm(PATIENCE_S)
        with os.fdopen(writing, "w") as out:
            json.dump(vars(attempt(mutant, seed, expected)), out)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as told:
        said = told.read()
    os.waitpid(child, 0)
    return Trial(**json.loads(said)) if said else Trial(ended=f"it was not done after {PATIENCE_S} s, or died")
