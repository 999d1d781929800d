"""Clears topics and consumer groups away, and waits until they are gone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import ConnectionGroup, CoordinationType
from aiokafka.errors import for_code
from aiokafka.protocol.admin import DeleteGroupsRequest

from agents.transport.clients import admin, new_client

NOT_EMPTY: Final = 68  # a member has not left yet
GONE: Final = 69
_POLL_S: Final = 0.2


async def delete_all(servers: str, is_own: Callable[[str], bool]) -> int:
    """Delete the topics and groups whose names are `is_own`; return, when they are gone, how many topics it were."""
    async with admin(servers) as client:
        for group, *_ in await client.list_consumer_groups():
            if is_own(group):
                await _delete_group(servers, group)
        topics = await _own_topics(client, is_own)
        if topics:
            await client.delete_topics(topics)
        while await _own_topics(client, is_own):  # noqa: ASYNC110 — the broker deletes in the background and calls nobody
            await asyncio.sleep(_POLL_S)
    return len(topics)


async def _own_topics(client: AIOKafkaAdminClient, is_own: Callable[[str], bool]) -> list[str]:
    return [topic for topic in await client.list_topics() if is_own(topic)]


async def _delete_group(servers: str, group: str) -> None:
    """Delete one group and its offsets, as soon as it has no members; raises KafkaError."""
    client = new_client(servers, "demo", 5_000)
    try:
        await client.bootstrap()
        node = await client.coordinator_lookup(CoordinationType.GROUP, group)
        while True:
            answer = await client.send(node, DeleteGroupsRequest([group]), group=ConnectionGroup.COORDINATION)
            code = answer.results[0][1]
            if code in (0, GONE):
                return
            if code != NOT_EMPTY:
                raise for_code(code)
            await asyncio.sleep(_POLL_S)
    finally:
        await client.close()
