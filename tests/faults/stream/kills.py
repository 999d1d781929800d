"""The processes of a whole deployment killed with -9 at random moments, or none of them."""

from __future__ import annotations

from typing import Final

from tests.faults.storm import OTHERS
from tests.faults.stream.scene import Scene

WORKERS_KILLED: Final = 4


async def kill_all_sorts(scene: Scene) -> None:
    """Kill workers, and each other process once, at random moments and in random order."""
    victims = ["", *OTHERS, *[""] * (WORKERS_KILLED - 1)]
    scene.chance.shuffle(victims)
    moments = sorted(scene.chance.uniform(0.05, 0.95) for _ in victims)
    for victim, share in zip(victims, moments, strict=True):
        await scene.wait_share(share)
        await (scene.kill_other(victim) if victim else scene.kill_worker())


async def kill_nobody(_: Scene) -> None:
    """Do nothing."""


def killed_all_sorts(scene: Scene) -> str:
    """Return how many were killed."""
    workers, others = scene.kills()
    return f"{workers}× a worker, {others}× another killed" if workers and others == len(OTHERS) else ""


def killed_nobody(scene: Scene) -> str:
    """Return that nobody was killed, and nobody died."""
    died = [line for line in scene.told if "is started again" in line]
    return "" if died else "nothing was done"
