"""Brokers killed with -9 and started again: the embedded one, and single nodes of three."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from tests.faults.transport.cluster import Cluster
from tests.faults.transport.grounds import Embedded
from tests.faults.transport.stage import Stage

AGAIN = 2


async def kill_broker(stage: Stage) -> None:
    """Kill the only broker while events flow, and start it again after a while."""
    ground = cast("Embedded", stage.ground)
    await stage.wait_share(stage.chance.uniform(0.05, 0.8))
    stage.progress.mark()
    before = await asyncio.to_thread(ground.kill)
    await stage.wait_some_time(stage.chance.choice((0.0, stage.chance.uniform(0.0, 5.0))))
    after = await asyncio.to_thread(ground.revive)
    stage.note(f"broker {before} killed, {after} started")


async def kill_leader(stage: Stage) -> None:
    """Kill the node that leads a partition of the changelog, twice; it comes back meanwhile."""
    await _kill_nodes(stage, lambda cluster: cluster.leader(stage.deployment.topic("changelog"), 0))


async def kill_coordinator(stage: Stage) -> None:
    """Kill the node that coordinates the workers' group, twice."""
    await _kill_nodes(stage, lambda cluster: cluster.coordinator(stage.deployment.group))


async def kill_controller(stage: Stage) -> None:
    """Kill the node that is the active controller, twice."""
    await _kill_nodes(stage, Cluster.controller)


def restarted(stage: Stage) -> str:
    """Return which brokers were killed."""
    return "; ".join(line for line in stage.notes if "killed" in line)


async def _kill_nodes(stage: Stage, choose: Callable[[Cluster], int]) -> None:
    cluster = cast("Cluster", stage.ground)
    for turn in range(AGAIN):
        await stage.wait_share(stage.chance.uniform(0.05, 0.4) + turn * 0.3)
        number = await asyncio.to_thread(choose, cluster)
        stage.progress.mark()
        before = await asyncio.to_thread(cluster.kill, number)
        await stage.wait_some_time(stage.chance.uniform(0.0, 3.0))
        after = await asyncio.to_thread(cluster.revive, number)
        stage.note(f"node {number} {before} killed, {after} started")
