"""Many runs, ground by ground, each told in one line and added to the record."""

from __future__ import annotations

import asyncio
import functools
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

from tests.faults.outcome import Outcome
from tests.faults.record import Record
from tests.faults.stream.fault import StreamFault
from tests.faults.stream.run import run_stream
from tests.faults.transport.clocks import Faked
from tests.faults.transport.cluster import Cluster
from tests.faults.transport.disk import SmallDisk
from tests.faults.transport.fault import Fault
from tests.faults.transport.grounds import Embedded, Ground, Unplayable
from tests.faults.transport.network import Proxied
from tests.faults.transport.run import run

GROUNDS: Final[dict[str, Callable[[Path], Ground]]] = {
    "embedded": Embedded,
    "cluster": Cluster,
    "proxied": Proxied,
    "small-disk": SmallDisk,
    "faked": Faked,
}


@dataclass(frozen=True)
class Campaign:
    """What is asked for."""

    faults: Sequence[Fault | StreamFault]  # taken in turn
    runs: int
    first: int | None  # seed; None = one more than there are runs on record
    keep: Path  # where logs go
    keeps_all: bool  # those of flawless runs too
    is_recorded: bool


async def play(asked: Campaign, home: Path) -> int:
    """Run seed after seed; return how many runs were not flawless."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, functools.partial(_end, asyncio.current_task()))
    record = Record()
    begin = asked.first or record.runs + 1
    drawn = [(asked.faults[seed % len(asked.faults)], seed) for seed in range(begin, begin + asked.runs)]
    flawed = 0
    for name, plays in groupby(sorted(drawn, key=lambda one: one[0].ground), key=lambda one: one[0].ground):
        ground = GROUNDS[name](home / name)
        try:
            await ground.start()
            for fault, seed in plays:
                try:
                    outcome = await _run(fault, seed, ground, asked)
                except Unplayable as missing:
                    skip(fault.name, missing)
                    continue
                tell(outcome)
                flawed += bool(outcome.violations)
                if asked.is_recorded and outcome.evidence:
                    record.add(outcome)
        except Unplayable as missing:
            skip(name, missing)
        finally:
            await ground.stop()
    return flawed


async def _run(fault: Fault | StreamFault, seed: int, ground: Ground, asked: Campaign) -> Outcome:
    if isinstance(fault, StreamFault):
        assert isinstance(ground, Embedded)
        return await run_stream(fault, seed, ground, asked.keep, keeps_all=asked.keeps_all)
    return await run(fault, seed, ground, asked.keep, keeps_all=asked.keeps_all)


def tell(outcome: Outcome) -> None:
    """Print the line of a run."""
    print(outcome, flush=True)  # noqa: T201 — a person waits for it


def skip(what: str, missing: Unplayable) -> None:
    """Print what is not played, and why."""
    print(f"skipped {what}: {missing}", flush=True)  # noqa: T201 — whoever counts runs has to know


def _end(task: asyncio.Task[object] | None) -> None:
    """Have everything that was started ended, as with ctrl-C."""
    if task is not None:
        task.cancel()
