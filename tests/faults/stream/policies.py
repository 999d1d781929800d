"""A policy published in the middle, while workers are killed: before a shard has heard of it, and after."""

from __future__ import annotations

from tests.faults.bundle import renewed
from tests.faults.stream.scene import Scene


async def publish_and_kill(scene: Scene) -> None:
    """Publish another policy while events come, and kill a worker at once; another one before and after."""
    await scene.wait_share(scene.chance.uniform(0.1, 0.3))
    await scene.kill_worker()
    await scene.wait_share(scene.chance.uniform(0.4, 0.6))
    await scene.publish(renewed(scene.deployment.bundle))
    await scene.kill_worker()
    await scene.wait_share(scene.chance.uniform(0.7, 0.9))
    await scene.kill_worker()


def decided_under_both(scene: Scene) -> str:
    """Return how many decisions name which policy."""
    counts = scene.decided()
    workers, _ = scene.kills()
    return f"{workers}× a worker killed, {counts[0]:,} and {counts[1]:,} decisions" if workers and all(counts) else ""
