"""Many runs, ground by ground, each told in one line and added to the record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

from tests.faults.transport.cluster import Cluster
from tests.faults.transport.fault import Fault
from tests.faults.transport.grounds import Embedded, Ground
from tests.faults.transport.record import Record
from tests.faults.transport.run import Outcome, run

GROUNDS: Final[dict[str, Callable[[Path], Ground]]] = {"embedded": Embedded, "cluster": Cluster}


async def campaign(
    faults: Sequence[Fault], runs: int, first: int | None, home: Path, keep: Path, *, is_recorded: bool
) -> int:
    """Run seed after seed; return how many runs were not flawless, at most 1 of which the exit code tells."""
    record = Record()
    begin = first or record.runs + 1
    drawn = [(faults[seed % len(faults)], seed) for seed in range(begin, begin + runs)]
    flawed = 0
    for name, plays in groupby(sorted(drawn, key=lambda one: one[0].ground), key=lambda one: one[0].ground):
        ground = GROUNDS[name](home / name)
        await ground.start()
        try:
            for fault, seed in plays:
                outcome = await run(fault, seed, ground, keep)
                tell(outcome)
                flawed += bool(outcome.violations)
                if is_recorded and outcome.evidence:
                    record.add(outcome)
        finally:
            await ground.stop()
    return min(1, flawed)


def tell(outcome: Outcome) -> None:
    """Print the line of a run."""
    print(outcome, flush=True)  # noqa: T201 — a person waits for it
