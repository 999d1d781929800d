"""Speaking for the dead: a member that cannot leave the group any more is taken out of it."""

from __future__ import annotations

from typing import Final

from aiokafka.client import ConnectionGroup, CoordinationType
from aiokafka.errors import for_code
from aiokafka.protocol.admin import DescribeGroupsRequest
from aiokafka.protocol.group import LeaveGroupRequest

from agents.transport.clients import new_client

_UNKNOWN_MEMBER: Final = 25  # it has left, or timed out, already


async def leave_group(servers: str, group: str, client_id: str) -> int:
    """Take all members of that client id out of the group, so that it rebalances at once; return how many there were.

    Raises KafkaError when the coordinator does not do it; the group then waits for the session to time out.
    """
    client = new_client(servers, "supervisor", 5_000)
    try:
        await client.bootstrap()
        node = await client.coordinator_lookup(CoordinationType.GROUP, group)
        described = await client.send(node, DescribeGroupsRequest([group]), group=ConnectionGroup.COORDINATION)
        members = [member[0] for entry in described.groups for member in entry[5] if member[1] == client_id]
        for member in members:
            answer = await client.send(node, LeaveGroupRequest(group, member), group=ConnectionGroup.COORDINATION)
            if answer.error_code not in (0, _UNKNOWN_MEMBER):
                raise for_code(answer.error_code)
        return len(members)
    finally:
        await client.close()
