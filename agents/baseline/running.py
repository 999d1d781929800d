"""Runs both arms over a window of accepted events, partition by partition, in memory."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from agents.baseline.arm import Arm, Observer
from agents.baseline.uncoordinated import uncoordinated
from agents.errors import UserError
from agents.ranges import Range, Within
from agents.replay.reading import Source
from agents.settings import Settings
from agents.simulate.parallel import each_partition
from agents.simulate.shard import Shard, compile_inline
from agents.simulate.simulating import read_events, read_versions
from streams.policy import Policy, bundle_hash
from streams.records import ModelVersion

FOREVER: Final = 1 << 62


@dataclass
class Both:
    """The two arms of one window."""

    said: str  # the range
    currency: str
    policy: str  # name and hash of the coordinated one
    coordinated: Arm = field(default_factory=Arm)
    uncoordinated: Arm = field(default_factory=Arm)
    events: int = 0
    seconds: float = 0.0

    def add(self, other: Both) -> None:
        """Take in what was found of other partitions."""
        self.coordinated.add(other.coordinated)
        self.uncoordinated.add(other.uncoordinated)
        self.events += other.events


async def run_both(
    source: Source, wanted: Range, candidate: Mapping[str, Any] | None, numbers: Sequence[int] | None = None
) -> Both:
    """Live through a window twice, under a bundle (None: the current one) and without its coordination.

    numbers: of these partitions only.  Raises UserError where there is no policy, or no such stretch of time.
    """
    bundles, current = await source.bundles()
    if candidate is None and current not in bundles:
        raise UserError("no policy was ever published here: name one with --policy")
    bundle = candidate if candidate is not None else bundles[current]
    try:
        within = wanted.within(str(bundle.get("zone", "UTC")))
    except ValueError as error:
        raise UserError(str(error)) from error
    name = bundle_hash(bundle)
    policy = compile_inline(bundle, name)
    alone = compile_inline(uncoordinated(bundle), f"{name} without coordination")
    both = Both(wanted.said, policy.currency, f"{policy.name} {name[:12]}")
    versions, count = await read_versions(source), await source.partitions()
    for number in range(count) if numbers is None else numbers:
        found, events = await _live(source, number, count, within, policy, policy, versions)
        both.events += events
        both.coordinated.add(found)
        found, _ = await _live(source, number, count, within, policy, alone, versions)
        both.uncoordinated.add(found)
    return both


async def _live(
    source: Source, number: int, count: int, within: Within, policy: Policy, lived: Policy, versions: list[ModelVersion]
) -> tuple[Arm, int]:
    """Return what one partition does under a policy, and how many events there were in the window."""
    since, until = within.since or 0, within.until or FOREVER
    observer = Observer(policy, since, until)
    shard = Shard(number, count, {lived.hash: lived}, versions, lambda *_: False, witness=observer)
    events = last = 0
    async with aclosing(read_events(source, number, within.until)) as told:
        async for _, event in told:
            if not last:
                shard.switch(lived.hash, event.accepted_at)
            last = event.accepted_at
            events += last >= since
            shard.take(event)
    if last:
        shard.pass_time(until - 1 if within.until else last)
    return observer.finish(len(shard.failed)), events


def run_all(settings: Settings, wanted: Range, candidate: Mapping[str, Any] | None, jobs: int) -> Both:
    """Run both arms over every partition of a deployment, so many at once; raises UserError as `run_both` does."""
    began = time.monotonic()
    plain = dict(candidate) if candidate is not None else None
    both, *others = each_partition(settings, jobs, partial(_run_one, wanted, plain))
    for other in others:
        both.add(other)
    both.seconds = time.monotonic() - began
    return both


async def _run_one(wanted: Range, candidate: Mapping[str, Any] | None, source: Source, partition: int) -> Both:
    return await run_both(source, wanted, candidate, [partition])
