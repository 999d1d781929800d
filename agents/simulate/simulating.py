"""Simulates a window of a deployment's time, one partition after the other, from its committed topics alone.

Theory of operation.  Until the window begins a partition lives through its kept events under the policies that were
current, as its recorded decisions name them; from then on under the candidate.  Memory holds one partition's people and
what is compared of its decisions.  A decision's id comes of its decision point and its trigger, so the two runs' are
the same where both decided.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from functools import partial
from typing import Any, Final

from agents.codecs.avro import decode_decision, decode_event, decode_model_version
from agents.codecs.errors import Undecodable
from agents.errors import UserError
from agents.ranges import Range, Within
from agents.replay.reading import Source
from agents.settings import Settings
from agents.simulate.parallel import each_partition
from agents.simulate.report import Report
from agents.simulate.shard import Shard, compile_inline
from agents.simulate.tally import Choice, choice_of
from agents.turn import STEP
from agents.workers.kinds import SIGNALS
from streams.decision import EvidenceUnreadable
from streams.policy import Policy, bundle_hash
from streams.records import Event, ModelVersion

Switches = list[tuple[int, str]]  # step from which on, policy's hash


async def simulate(
    source: Source, wanted: Range, candidate: Mapping[str, Any] | None, partition: int | None = None
) -> Report:
    """Decide a window again under a candidate bundle; None: under the policies of then, which tells how true it is.

    partition: of that one only. Raises UserError where there is no such window, and where nothing was ever decided.
    """
    bundles, current = await source.bundles()
    if current not in bundles:
        raise UserError("no policy was ever published here, so nothing was decided")
    zone = str(bundles[current].get("zone", "UTC"))
    try:
        within = wanted.within(zone)
    except ValueError as error:
        raise UserError(str(error)) from error
    if within.decision_id:
        raise UserError("expected a stretch of time; of one decision, `continuo explain` says what would change it")
    policies = {name: compile_inline(bundle, name) for name, bundle in bundles.items()}
    name = ""
    if candidate is not None:
        name = bundle_hash(candidate)
        policies[name] = compile_inline(candidate, name)
    report = Report(wanted.said, zone, policies[name or current].currency, name)
    versions = await read_versions(source)
    count = await source.partitions()
    for number in range(count) if partition is None else [partition]:
        await _Partition(source, number, within, report, policies, name, current).simulate(versions, count)
    return report


def simulate_all(settings: Settings, wanted: Range, candidate: Mapping[str, Any] | None, jobs: int) -> Report:
    """Simulate every partition of a deployment, so many at once; raises UserError as `simulate` does."""
    began = time.monotonic()
    plain = dict(candidate) if candidate is not None else None
    report, *others = each_partition(settings, jobs, partial(_simulate_one, wanted, plain))
    for other in others:
        report.add(other)
    report.seconds = time.monotonic() - began
    return report


async def _simulate_one(wanted: Range, candidate: Mapping[str, Any] | None, source: Source, partition: int) -> Report:
    return await simulate(source, wanted, candidate, partition)


async def read_versions(source: Source) -> list[ModelVersion]:
    """Return every version that trainers have published and the topic keeps."""
    versions = []
    async with aclosing(source.scan("models", 0)) as chunks:
        async for chunk in chunks:
            for record in chunk:
                try:
                    version = decode_model_version(record.value) if record.value else None
                except Undecodable:
                    continue  # a dead letter of every shard
                if version is not None and version.kind not in SIGNALS:
                    versions.append(version)
    return versions


async def read_events(source: Source, partition: int, until: int | None) -> AsyncGenerator[tuple[int, Event], None]:
    """Yield a partition's accepted events with their steps, in order, as long as they were accepted before `until`."""
    async with aclosing(source.scan("events", partition)) as chunks:
        async for chunk in chunks:
            for record in chunk:
                event = decode_event(record.value)
                if until is not None and event.accepted_at >= until:
                    return
                yield STEP.unpack(dict(record.headers)["step"])[1], event


class _Partition:
    """One partition in both runs."""

    def __init__(
        self, source: Source, number: int, within: Within, report: Report, policies: Mapping[str, Policy],
        candidate: str, current: str,
    ) -> None:  # fmt: skip
        self._source: Final = source
        self._number: Final = number
        self._within: Final = within
        self._report: Final = report
        self._policies: Final = policies
        self._candidate: Final = candidate  # "" = none
        self._current: Final = current
        self._recorded: Final[dict[str, Choice]] = {}
        self._switches: Final[Switches] = []

    async def simulate(self, versions: list[ModelVersion], partitions: int) -> None:
        """Live through the partition and compare."""
        await self._read_decisions()
        shard = Shard(self._number, partitions, self._policies, versions, self._has_sent)
        switches = self._switches[::-1] or [(0, self._current)]
        first: int | None = None
        is_begun = False  # the window
        simulated: dict[str, Choice] = {}
        async with aclosing(read_events(self._source, self._number, self._within.until)) as events:
            async for step, event in events:
                at = event.accepted_at
                if first is None:
                    first = at
                    shard.switch(switches.pop()[1], at)
                while switches and switches[-1][0] <= step:
                    _, name = switches.pop()
                    if not (is_begun and self._candidate):
                        shard.switch(name, at)
                if not is_begun and (self._within.since is None or at >= self._within.since):
                    is_begun = True
                    if self._candidate:
                        shard.switch(self._candidate, at)
                self._report.events += is_begun
                for decision in shard.take(event):
                    if self._within.holds("", decision.opened_at):
                        simulated[decision.decision_id] = choice_of(decision)
        self._compare(simulated, first)
        self._report.failed += shard.failed

    def _compare(self, simulated: dict[str, Choice], first: int | None) -> None:
        """Compare what was decided of triggers that are kept."""
        for name, choice in self._recorded.items():
            if first is not None and choice.opened_at >= first and self._within.holds("", choice.opened_at):
                self._report.tally.compare(choice, simulated.pop(name, None))
        for choice in simulated.values():
            self._report.tally.compare(None, choice)
        if first is not None:
            self._report.known_from = min(self._report.known_from or first, first)

    async def _read_decisions(self) -> None:
        last = ""
        async with aclosing(self._source.scan("decisions", self._number)) as chunks:
            async for chunk in chunks:
                for record in chunk:
                    try:
                        decision = decode_decision(record.value)
                        self._recorded[decision.decision_id] = choice_of(decision)
                    except (Undecodable, EvidenceUnreadable):
                        self._report.unreadable += 1
                        continue
                    if decision.policy_hash != last and decision.policy_hash in self._policies:
                        last = decision.policy_hash
                        self._switches.append((decision.step, last))

    def _has_sent(self, decision_id: str, channel: str) -> bool:
        choice = self._recorded.get(decision_id)
        return choice is not None and choice.delivery_channel == channel
