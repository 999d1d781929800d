"""Replays a range of a deployment's decisions, one partition after the other, from its committed topics alone.

Theory of operation.  Memory holds one partition's keys and a bounded number of its triggers, and one chunk of records
at a time.  Every record of a partition is read, so that each of the range can be held against the one before it.  A key
that is missing is looked for once more: the person may have been met while we read.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import aclosing
from typing import Final

from agents.codecs.avro import decode_decision
from agents.codecs.errors import Undecodable
from agents.errors import UserError
from agents.policy_topic import Bundle
from agents.ranges import Range, Within
from agents.replay.again import DIFFERENT, EQUAL, Decider, Record, Result
from agents.replay.chain import GENESIS, Chain
from agents.replay.comparing import Difference, told
from agents.replay.reading import Known, Source, read_known
from agents.replay.report import BREAK, Finding, Report, Stretch
from agents.replay.triggers import Triggers
from agents.turn import STEP
from streams.deferrals import DEFERRAL
from streams.records import Decision


async def replay(source: Source, wanted: Range, partition: int | None = None) -> Report:
    """Decide all decisions of a range again and compare; partition: of that one only.

    Raises UserError where the range, or the partition, does not exist.
    """
    began = time.monotonic()
    count = await source.partitions()
    if partition is not None and not 0 <= partition < count:
        raise UserError(f"there is no partition {partition}: the deployment has {count}, the first is 0")
    bundles, current = await source.bundles()
    zone = str(bundles.get(current, {}).get("zone", "UTC"))
    try:
        within = wanted.within(zone)
    except ValueError as error:
        raise UserError(str(error)) from error
    places = list(range(count)) if partition is None else [partition]
    if within.decision_id:
        places = [place for place in places if await _has(source, place, within.decision_id)][:1]
    report, decider = Report(wanted.said, zone), Decider(bundles)
    for place in places:
        await _Partition(source, place, within, report, decider, bundles).replay()
    report.policies = len(decider.policies)
    report.seconds = time.monotonic() - began
    return report


async def _has(source: Source, partition: int, decision_id: str) -> bool:
    needle = decision_id.encode()
    async with aclosing(source.scan("decisions", partition)) as chunks:
        async for chunk in chunks:
            if any(needle in record.value for record in chunk if record.value):
                return True
    return False


class _Partition:
    """The decisions of one partition, one after the other."""

    def __init__(
        self, source: Source, number: int, within: Within, report: Report, decider: Decider,
        bundles: Mapping[str, Bundle],
    ) -> None:  # fmt: skip
        self._source: Final = source
        self._number: Final = number
        self._within: Final = within
        self._report: Final = report
        self._decider: Final = decider
        self._types: Final = {
            str(point["trigger"]) for one in bundles.values() for point in one["decision_points"].values()
        }
        self._stretch: Final = Stretch(number)
        self._known = Known()
        self._is_known_anew = False
        self._has_last = False  # the decision was read whose hash the shard's row names

    async def replay(self) -> None:
        """Read the partition from its first record to its last."""
        source, number = self._source, self._number
        self._known = await read_known(source, number)
        self._has_last = self._known.last_hash in (None, GENESIS)
        begins = await source.begins("decisions", number)
        chain = Chain(is_whole=not begins)
        has_all_events = not await source.begins("events", number)
        async with (
            aclosing(source.scan("decisions", number)) as chunks,
            aclosing(source.scan("events", number)) as events,
        ):
            triggers = Triggers(events, self._types, is_whole=has_all_events)
            async for chunk in chunks:
                for record in chunk:
                    await self._take(record, chain, triggers)
                if self._within.decision_id and self._stretch.decisions:
                    break
        self._end()
        self._report.stretches.append(self._stretch)

    async def _take(self, record: Record, chain: Chain, triggers: Triggers) -> None:
        try:
            decision = decode_decision(record.value)
        except Undecodable as error:
            chain.lose()
            if not self._within.decision_id:
                self._stretch.decisions += 1
                self._judge(record, None, Result("record", (Difference("record", str(error), "a decision"),)))
            return
        before, expected = chain.last, chain.follow(decision)
        self._has_last |= decision.hash == self._known.last_hash
        if not self._within.holds(decision.decision_id, decision.decided_at):
            return
        if not self._stretch.decisions:
            self._stretch.begins = _beginning(record, before)
        self._stretch.decisions += 1
        if expected is not None:
            self._report.breaks += 1
            broken = Difference("previous_hash", told(decision.previous_hash), f"{told(expected)} is that before it")
            self._find(BREAK, record, decision, (broken,))
        self._judge(record, decision, await self._decide(record, decision, triggers))

    async def _decide(self, record: Record, decision: Decision, triggers: Triggers) -> Result:
        stamp = dict(record.headers).get("step", b"")
        await triggers.read_to(STEP.unpack(stamp)[1] if len(stamp) == STEP.size else decision.step)
        trigger = triggers.find(decision)
        is_deferred = decision.trigger_type == DEFERRAL  # what it follows from stands in its head
        is_gone = trigger is None and not is_deferred and triggers.may_be_gone(decision)
        self._report.triggers_gone += is_gone
        key = await self._key_of(decision.profile_id)
        result = self._decider.decide(record, decision, trigger, key)
        if trigger is None and not is_gone and not is_deferred:
            lost = Difference("trigger_event_id", decision.trigger_event_id, "no accepted event has this id")
            return Result(DIFFERENT, (lost, *result.differences))
        return result

    async def _key_of(self, profile_id: str) -> bytes:
        key = self._known.keys.get(profile_id)
        if key is None and not self._is_known_anew:
            self._is_known_anew = True
            self._known.keys = (await read_known(self._source, self._number)).keys
            key = self._known.keys.get(profile_id)
        return key or b""

    def _judge(self, record: Record, decision: Decision | None, result: Result) -> None:
        self._report.fates[result.fate] += 1
        if result.fate != EQUAL:
            self._find(result.fate, record, decision, result.differences)

    def _find(self, kind: str, record: Record, decision: Decision | None, differences: tuple[Difference, ...]) -> None:
        identity, at = (decision.decision_id, decision.decided_at) if decision else ("", 0)
        self._report.find(Finding(kind, identity, self._number, record.offset, at, differences))

    def _end(self) -> None:
        """Say where the chain ends: with an open range it has to reach what the shard's own row names."""
        if not self._within.is_open:
            self._stretch.ends = "to the end of the range"
        elif self._has_last:
            self._stretch.ends = "to the last one that the shard's state names"
        else:
            last = told(self._known.last_hash)
            self._stretch.ends = "BUT NOT TO THE ONE THAT THE SHARD'S STATE NAMES"
            self._report.breaks += 1
            missing = Difference("hash of the last decision", "it is in no record", f"{last} in the shard's state")
            self._report.find(Finding(BREAK, "", self._number, -1, 0, (missing,)))


def _beginning(record: Record, before: bytes | None) -> str:
    if before is None:
        return f"chained from offset {record.offset}, the first record that is kept"
    return "chained from the shard's first" if before == GENESIS else f"chained from the one before {record.offset}"
