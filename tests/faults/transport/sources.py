"""Sources that are made anew or truncated under the workers: they must refuse to go on, naming what is lost."""

from __future__ import annotations

import asyncio

from tests import witness
from tests.faults.transport.stage import Stage
from tests.toy_deployment import PARTITIONS

MORE = 8_000  # events of the new topic, or beyond what is deleted


async def recreate_while_down(stage: Stage) -> None:
    """Make the source anew while no worker runs; at times the new one is longer than the old one was."""
    await _all_committed(stage)
    await stage.stop_all()
    await asyncio.to_thread(stage.deployment.recreate, "raw-events")
    await asyncio.to_thread(stage.deployment.feed, stage.chance.choice((0, MORE, stage.events + MORE)))
    stage.start(*stage.fault.workers)


async def recreate_while_running(stage: Stage) -> None:
    """Make the source anew under the workers' hands."""
    await _all_committed(stage)
    await asyncio.to_thread(stage.deployment.recreate, "raw-events")
    await asyncio.to_thread(stage.deployment.feed, MORE)


async def truncate_while_down(stage: Stage) -> None:
    """Delete records that nobody has read yet while no worker runs."""
    await _all_committed(stage)
    await stage.stop_all()
    await _truncate(stage)
    stage.start(*stage.fault.workers)


async def truncate_while_running(stage: Stage) -> None:
    """Delete records that the workers, who stand still, have not read yet."""
    await _all_committed(stage)
    for name in stage.fault.workers:
        stage.freeze(name)
    await _truncate(stage)
    for name in stage.fault.workers:
        stage.thaw(name)


def refused(stage: Stage) -> str:
    """Return how many workers refused, if what they say names topic, partition and offsets."""
    texts = [path.read_text(errors="replace") for path in stage.home.glob("*.log")]
    topic = stage.deployment.topic("raw-events")
    name_all = all((topic in text and "partition" in text) or f"{topic}/" in text for text in texts)
    times = sum("refused to go on (exit code 78)" in line for line in stage.told)
    return f"{times}× exit 78, naming {topic.partition('.')[2]}" if times and name_all else ""


async def _all_committed(stage: Stage) -> None:
    await stage.feeding
    await stage.wait_share(1.0)
    await _remember(stage)
    stage.progress.mark()


async def _remember(stage: Stage) -> None:
    """Keep what was fed: the topic will not tell any more."""
    topic = stage.deployment.topic("raw-events")
    stage.source = await asyncio.to_thread(witness.columns, stage.ground.address, topic, PARTITIONS)


async def _truncate(stage: Stage) -> None:
    await asyncio.to_thread(stage.deployment.feed, MORE)
    await _remember(stage)
    ends = [column.offsets[-1] + 1 for column in stage.source or []]
    await asyncio.to_thread(stage.deployment.truncate, "raw-events", min(ends))
