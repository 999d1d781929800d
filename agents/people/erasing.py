"""Erases a person: asks the shard for it with an event like any other, and looks whether it is done."""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import Final

from agents.codecs.avro import decode_event, encode_raw_event
from agents.codecs.rows import decode_profile, decode_shard
from agents.decisions import Archive
from agents.errors import UserError
from agents.transport.clients import new_writer
from streams.erase import ERASURE
from streams.records import Event, RawEvent
from streams.topology import BY_NOUN, DAY_S, TOPICS, topic_name

SOURCE: Final = "continuo erase"
PATIENCE_S: Final = 60.0
POLL_S: Final = 0.5
PLAIN: Final = frozenset({
    "raw-events", "routed-events", "events", "requests", "decisions", "decision-notes", "activations", "outcomes",
    "rewards", "retraining", "dead-letters",
})  # fmt: skip  # topics whose records say something of people, and end


async def erase(archive: Archive, servers: str, namespace: str, profile_id: str, reason: str) -> str:
    """Have a person erased; return the canonical name once the committed state holds nothing of them.

    Raises UserError where nobody is known by that name, or no worker has done it in a minute: then it stays asked for.
    """
    canonical = await _canonical(archive, profile_id)
    shard = await archive.row("shard", "", of=canonical)
    clock = decode_shard(shard).clock if shard else 0  # of a history; live it is 0
    event_id = f"erasure-{uuid.uuid4()}"
    asked = RawEvent(
        event_id, canonical, ERASURE, clock or time.time_ns() // 1_000_000, SOURCE, {"reason": reason} if reason else {}
    )
    producer = new_writer(servers, enable_idempotence=True)
    await producer.start()
    try:
        await producer.send_and_wait(topic_name(namespace, "raw-events"), encode_raw_event(asked), canonical.encode())
    finally:
        await producer.stop()
    await _wait_done(archive, canonical, event_id)
    return canonical


async def _canonical(archive: Archive, profile_id: str) -> str:
    """Return the person's name; raises UserError where nobody is known by this one."""
    canonical = await archive.canonical(profile_id)
    row = await archive.row("profiles", canonical)
    if row is None:
        raise UserError(f"nobody is known by the name {profile_id!r}: there is nothing to erase")
    if not decode_profile(row).key:
        raise UserError(f"{profile_id!r} is erased already, and has not been heard of since")
    return canonical


async def _wait_done(archive: Archive, profile_id: str, event_id: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        if await _is_accepted(archive, profile_id, event_id):
            row = await archive.row("profiles", profile_id)
            if row is not None and not decode_profile(row).key:
                return
        if time.monotonic() >= deadline:
            raise UserError(
                f"the erasure of {profile_id} is asked for (event {event_id}) and not done yet: it will be by the next "
                "worker that runs. Look at `continuo status`, then at `continuo dead-letters list`"
            )
        await asyncio.sleep(POLL_S)


async def _is_accepted(archive: Archive, profile_id: str, event_id: str) -> bool:
    accepted: list[Event] = [one async for one in archive.said("events", decode_event, event_id, of=profile_id)]
    return any(one.event_id == event_id for one in accepted)


def remaining() -> str:
    """Return what stays for how long after an erasure, in words."""
    lines = [
        f"  {' and '.join(topic.noun for topic in TOPICS if topic.retention_s == seconds and topic.noun in PLAIN)}: "
        f"gone within {seconds // DAY_S} days"
        for seconds in sorted({BY_NOUN[noun].retention_s for noun in PLAIN})
    ]
    return "\n".join(["What topics still say in plain:", *lines, "  changelog: gone when the broker compacts it"])
