"""When a stream has come to rest: every group has read its topics to the last record, and nothing came in meanwhile.

A group's position is committed after what came of the records before it, so a stream of which this holds has nothing
left to do until somebody writes again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError, GroupLoadInProgressError

from agents.committed import wait_partitions
from agents.errors import UserError
from agents.transport.clients import admin, reader

MARKERS_MAX: Final = 8  # transaction markers behind the last record; more unread offsets than that are records
_POLL_S: Final = 0.3


@dataclass(frozen=True)
class Followed:
    """A topic and the group that reads it."""

    group: str
    topic: str


async def wait_settled(servers: str, followed: Sequence[Followed], patience_s: float) -> None:
    """Return when the groups have nothing left to read; raise UserError naming what is unread after `patience_s`."""
    deadline = asyncio.get_running_loop().time() + patience_s
    places = {one: await wait_partitions(servers, one.topic) for one in followed}
    async with (
        admin(servers) as client,
        reader(servers, committed=False) as anything,
        reader(servers, committed=True) as records,
    ):
        while unread := await _unread(client, anything, records, places):
            if asyncio.get_running_loop().time() >= deadline:
                told = ", ".join(f"{one.topic} by {one.group}" for one in unread)
                raise UserError(f"unread after {patience_s:.0f} s: {told}; does each process run that reads it?")
            await asyncio.sleep(_POLL_S)


async def _unread(
    client: AIOKafkaAdminClient,
    anything: AIOKafkaConsumer,
    records: AIOKafkaConsumer,
    places: dict[Followed, list[TopicPartition]],
) -> list[Followed]:
    """Return what some group has yet to read; all of it where something was written while we looked."""
    everywhere = sorted({place for own in places.values() for place in own})
    ends = await anything.end_offsets(everywhere)
    first = await anything.beginning_offsets(everywhere)
    unread = []
    for one, own in places.items():
        filled = [place for place in own if ends[place] > first[place]]
        positions = await _positions(client, one.group, filled) if filled else {}
        behind = {place: at for place in filled if (at := max(positions.get(place, 0), first[place])) < ends[place]}
        if behind and not await _are_markers(records, behind, ends):
            unread.append(one)
    return unread if unread or await anything.end_offsets(everywhere) == ends else list(places)


async def _positions(
    client: AIOKafkaAdminClient, group: str, places: list[TopicPartition]
) -> dict[TopicPartition, int]:
    """Return the positions that a group has committed; none where its coordinator is not there yet."""
    try:
        said = await client.list_consumer_group_offsets(group, partitions=places)
    except (GroupCoordinatorNotAvailableError, GroupLoadInProgressError):
        return {}  # a broker that has just begun
    return {place: position.offset for place, position in said.items()}


async def _are_markers(
    records: AIOKafkaConsumer, behind: dict[TopicPartition, int], ends: dict[TopicPartition, int]
) -> bool:
    """Tell whether nothing but transaction markers lies between positions and ends."""
    if any(ends[place] - at > MARKERS_MAX for place, at in behind.items()):
        return False
    records.assign(list(behind))
    for place, at in behind.items():
        records.seek(place, at)
    if await records.getmany(timeout_ms=200):
        return False
    return all([await records.position(place) >= ends[place] for place in behind])
