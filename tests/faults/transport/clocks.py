"""Workers whose wall clock jumps by an hour, there and back; the monotonic clock stays as it is (libfaketime)."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Final

from tests import witness
from tests.faults.transport.grounds import Embedded, Unplayable
from tests.faults.transport.stage import Stage
from tests.toy_deployment import PARTITIONS

FAKETIME: Final = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
JUMPS: Final = ("+3600", "-3600", "+0")  # seconds; beyond an hour ahead a broker refuses records
HOUR_MS: Final = 3_600_000
SEEN_S: Final = 1.5  # libfaketime reads its file once a second


class Faked(Embedded):
    """The embedded broker; the workers' clocks are those of a file in the home folder of their run."""

    name = "faked"

    async def start(self) -> None:
        """Start the broker; raises Unplayable where libfaketime is missing."""
        if not FAKETIME.exists():
            raise Unplayable(f"{FAKETIME} is missing: run tests/faults/setup.sh (apt-get install faketime)")
        await super().start()

    def environment(self, home: Path) -> dict[str, str]:
        """Return what makes libfaketime read the file."""
        clock = home / "clock"
        if not clock.exists():
            clock.write_text("+0", encoding="utf-8")
        return {
            "LD_PRELOAD": str(FAKETIME),
            "FAKETIME_TIMESTAMP_FILE": str(clock),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",  # or it stretches the waits for Python's lock, and threads starve
        }


async def jump(stage: Stage) -> None:
    """Let the workers' clocks jump ahead, back by twice as much, and home, in either order; kill one on the way."""
    jumps = list(JUMPS[:2])
    stage.chance.shuffle(jumps)
    for turn, offset in enumerate([*jumps, JUMPS[2]]):
        await stage.wait_share(0.15 + 0.25 * turn)
        stage.progress.mark()
        (stage.home / "clock").write_text(offset, encoding="utf-8")
        await stage.wait_some_time(SEEN_S)
        if stage.chance.random() < 0.5:
            stage.kill()
    await stage.wait_share(1.0)
    hours = await asyncio.to_thread(_hours, stage)
    if len(hours) > 1:
        stage.note(f"outputs stamped {', '.join(f'{hour:+d} h' for hour in sorted(hours))}")


def _hours(stage: Stage) -> set[int]:
    """Return by how many hours the outputs' timestamps differ from the time."""
    now = time.time() * 1000
    said = witness.messages(stage.ground.address, stage.deployment.topic("events"), PARTITIONS, committed=True)
    return {round((message.timestamp()[1] - now) / HOUR_MS) for message in said}
