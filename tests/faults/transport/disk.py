"""A broker whose disk is full: a small tmpfs under its logs, filled by somebody else, and freed again."""

from __future__ import annotations

import asyncio
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import cast

from tests.brokers import free_port
from tests.faults.transport.grounds import Unplayable
from tests.faults.transport.kafka import Node
from tests.faults.transport.stage import Stage

SIZE_MB = 400
FULL_S = 20.0  # for the broker to notice; it writes all the time


class SmallDisk:
    """One broker with a disk of its own."""

    name = "small-disk"

    def __init__(self, home: Path) -> None:
        port = free_port()
        self.disk = home / "data"
        self.node = Node(home, port, port + 1, log_segment_delete_delay_ms="500")
        self.address = self.workers_at = f"127.0.0.1:{port}"

    async def start(self) -> None:
        """Mount the disk and start the broker on it; raises Unplayable where one may not mount."""
        self.disk.mkdir(parents=True, exist_ok=True)
        done = _mount("mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "tmpfs", str(self.disk))
        if done.returncode:
            raise Unplayable(f"a tmpfs cannot be mounted here: {done.stderr.strip()}")
        self.node.launch()
        await asyncio.to_thread(self.node.wait_brokers, 1)

    async def stop(self) -> None:
        """End the broker and unmount its disk."""
        await asyncio.to_thread(self.node.stop)
        _mount("umount", str(self.disk))

    def environment(self, home: Path) -> dict[str, str]:
        """Return nothing."""
        return {}

    def fill(self) -> None:
        """Leave no byte."""
        with suppress(OSError), (self.disk / "ballast").open("wb", buffering=0) as ballast:
            while True:
                ballast.write(bytes(1 << 16))

    def free(self) -> None:
        """Take the ballast away."""
        (self.disk / "ballast").unlink(missing_ok=True)


async def fill_disk(stage: Stage) -> None:
    """Fill the disk while events flow; when the broker has halted, free it and start the broker again."""
    ground = cast("SmallDisk", stage.ground)
    await stage.wait_share(stage.chance.uniform(0.1, 0.7))
    stage.progress.mark()
    before = ground.node.pid()
    await asyncio.to_thread(ground.fill)
    try:
        await stage.wait(lambda: ground.node.pid() is None, "the broker to halt", FULL_S)
    finally:
        said = ground.node.log.count("No space left on device")
        ground.free()
        if ground.node.pid() is None:
            ground.node.launch()
            await asyncio.to_thread(ground.node.wait_brokers, 1)
    stage.note(f"broker {before} halted ({said}× no space left), {ground.node.pid()} started")


def _mount(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)
