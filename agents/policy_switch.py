"""Making a policy current, and waiting until every shard decides under it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from aiokafka import TopicPartition

from agents.codecs.rows import decode_shard
from agents.committed import wait_partitions
from agents.errors import UserError
from agents.policy_topic import publish
from agents.replay.reading import CODES
from agents.transport.clients import reader
from streams.topology import topic_name

POLL_MS: Final = 500


async def switch(
    servers: str, namespace: str, bundle: dict[str, Any], patience_s: float, tell: Callable[[int, int], None]
) -> str:
    """Make a bundle the current policy; return its hash when every shard's committed state names it.

    tell: how many shards have switched, of how many. Raises UserError, naming the partitions, after `patience_s`; the
    policy is current then all the same, and a shard that comes up begins with it.
    """
    places = await wait_partitions(servers, topic_name(namespace, "changelog"), patience_s)
    async with reader(servers, committed=True) as consumer:
        consumer.assign(places)
        await consumer.seek_to_end(*places)
        for place in places:
            await consumer.position(place)  # asked for now: what is committed from here on is of after the publishing
        name = await publish(servers, namespace, bundle)
        waiting = set(places)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + patience_s
        tell(0, len(places))
        while waiting:
            for place, records in (await consumer.getmany(timeout_ms=POLL_MS)).items():
                rows = [record.value for record in records if record.key == CODES["shard"] and record.value]
                if place in waiting and any(decode_shard(row).policy_hash == name for row in rows):
                    waiting.discard(place)
                    tell(len(places) - len(waiting), len(places))
            if waiting and loop.time() >= deadline:
                raise UserError(_unheard(name, waiting, patience_s))
    return name


def _unheard(name: str, waiting: set[TopicPartition], patience_s: float) -> str:
    told = ", ".join(str(place.partition) for place in sorted(waiting))
    return (
        f"policy {name[:12]} is current, but after {patience_s:.0f} s the partitions {told} have not switched to it: "
        "no worker holds them (they switch when one does), or it is behind; each worker's /ready says what it holds"
    )
