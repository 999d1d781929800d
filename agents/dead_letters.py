"""Dead letters for an operator: which there are, what each one means, whether it would pass now, and its replay.

A refused event leaves no trace but its dead letter: its id is remembered only when it is accepted.  So once the cause
is mended (the producer's format, a policy that lacks a type, a bug), the original bytes can be sent again, and an event
that was accepted meanwhile is a duplicate.
"""

from __future__ import annotations

import json
import time
from collections import Counter, deque
from collections.abc import Collection, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from aiokafka import ConsumerRecord

from agents import raw_events
from agents.codecs.avro import decode_dead_letter
from agents.codecs.errors import CAUSES, Undecodable
from agents.committed import scan_committed, wait_partitions
from agents.errors import UserError
from agents.transport.clients import new_writer
from streams import ingest
from streams.inputs import RawInput
from streams.policy import Policy
from streams.records import DeadLetter
from streams.topology import topic_name

REPLAYED: Final = "continuo-replayed"  # header of a replayed record: the dead letter that it comes from

# What a cause means and what to do, by its first word.
MEANINGS: Final = {
    "undecodable": ("The bytes are no record of their topic.", "Mend the producer's format."),
    "unknown_event_type": (
        "The policy's event catalogue does not have this type of event.",
        "Add the type to `events` and publish the policy, or mend the producer's spelling; then replay.",
    ),
    "missing": (
        "The event lacks a field that its type must have.",
        "Mend the producer, which has to send it anew; or make the property optional in the policy and replay.",
    ),
    "mistyped": (
        "A property has another type than the policy's catalogue gives it.",
        "Mend the producer, or the type in the policy, and replay.",
    ),
    "invalid": ("A field has a value that it cannot have.", "Mend the producer, which has to send the event anew."),
    "not_finite": ("A number is infinite or not a number.", "Mend the producer, which has to send the event anew."),
    "out_of_range": ("An amount is larger than any amount may be.", "Mend the producer's unit of money."),
    "future_time": (
        "The event says that it happens later than now.",
        "Mend the producer's clock; when that time has come the event can be replayed.",
    ),
    "internal_error": (
        "The code of a stage, or a policy, failed on a record that was right.",
        "Go back to the version or the policy before, or to a mended one, and replay.",
    ),
}


@dataclass(frozen=True)
class Parked:
    """A dead letter and where it stands."""

    partition: int
    offset: int
    letter: DeadLetter

    @property
    def id(self) -> str:
        """The name by which it is shown and replayed: `<partition>/<offset>` on the dead-letter topic."""
        return f"{self.partition}/{self.offset}"


@dataclass
class Found:
    """Some dead letters, oldest first, and how many there are of each cause, shown or not."""

    parked: list[Parked]
    counts: Counter[str]


async def find(
    servers: str, namespace: str, ids: Collection[str] = (), cause: str = "", limit: int = 1, *, newest: bool = False
) -> Found:
    """Return the dead letters with these ids, or else of a cause ("" = any; `missing` is every `missing:…`).

    Of more than `limit` of a cause, the oldest or the newest are returned. Raises UserError for ids that are not there.
    """
    places = await wait_partitions(servers, topic_name(namespace, "dead-letters"))
    kept: dict[int, deque[Parked]] = {}
    counts: Counter[str] = Counter()
    async with aclosing(scan_committed(servers, places, lambda _: None)) as chunks:
        async for records in chunks:
            for record in records:
                one = Parked(record.partition, record.offset, decode_dead_letter(record.value))
                if one.id in ids if ids else is_of(one.letter.cause, cause):
                    counts[one.letter.cause] += 1
                    own = kept.setdefault(one.partition, deque(maxlen=limit if newest and not ids else None))
                    if newest or ids or len(own) < limit:
                        own.append(one)
    found = sorted((one for own in kept.values() for one in own), key=lambda one: (one.letter.noted_at, one.id))
    if unknown := set(ids) - {one.id for one in found}:
        raise UserError(
            f"there is no dead letter {', '.join(sorted(unknown))}; `continuo dead-letters list` shows those that "
            "are kept (for 30 days)"
        )
    return Found(found if ids else found[-limit:] if newest else found[:limit], counts)


def is_of(cause: str, wanted: str) -> bool:
    """Tell whether a cause is the one that is wanted, or one of its kind."""
    return not wanted or cause == wanted or cause.startswith(f"{wanted}:")


def explain(one: Parked) -> str:
    """Return what a dead letter means and what to do about it."""
    letter = one.letter
    means, remedy = MEANINGS.get(
        letter.cause.partition(":")[0], ("This version does not know the cause.", "Look into the record itself.")
    )
    more = CAUSES.get(letter.cause)
    return f"{means}{f' Here: {more}.' if more else ''}\n{letter.detail}\nWhat to do: {remedy}"


def obstacle(one: Parked, namespace: str, policy: Policy, clock: int, *, live: bool) -> str:
    """Return why a dead letter would not be accepted if it was replayed now; "" if nothing is known against it."""
    letter = one.letter
    if letter.origin.topic != topic_name(namespace, "raw-events"):
        return f"only what came by raw-events can be replayed, this came by {letter.origin.topic}"
    if letter.value is None:
        return "its bytes are not kept: it was too large, or there were none"
    try:
        for given in raw_events.decode(_record(letter)):
            if isinstance(given, RawInput):
                ingest.check_identity(given.event)
                ingest.check(given.event, policy.events, clock, live=live)
    except Undecodable as error:
        return f"{error.cause}: {error.detail}"
    except ingest.Refused as refused:
        return f"{refused.cause}: {refused.detail}"
    return ""


async def replay(servers: str, namespace: str, parked: Iterable[Parked]) -> int:
    """Send original bytes again to where they came from, in order; return how many."""
    producer = new_writer(servers, enable_idempotence=True)
    await producer.start()
    number = 0
    try:
        for one in parked:
            letter = one.letter
            headers = [(name, value) for name, value in letter.headers if name != REPLAYED]
            await producer.send_and_wait(
                topic_name(namespace, "raw-events"), letter.value, letter.key, letter.origin.partition,
                headers=[*headers, (REPLAYED, one.id.encode())],
            )  # fmt: skip
            number += 1
    finally:
        await producer.stop()
    return number


def told(one: Parked) -> str:
    """Return a dead letter as a line."""
    letter, origin = one.letter, one.letter.origin
    place = f"{origin.topic}/{origin.partition}/{origin.offset}"
    return f"{one.id:10}  {_instant(letter.noted_at)}  {letter.cause:30}  {place}"


def shown(one: Parked) -> str:
    """Return all of a dead letter: where it came from, what is wrong, its headers and its value."""
    letter, origin = one.letter, one.letter.origin
    lines = [
        f"dead letter  {one.id}",
        f"cause        {letter.cause}",
        f"detail       {letter.detail}",
        f"noted        {_instant(letter.noted_at)}",
        f"came by      {origin.topic}, partition {origin.partition}, offset {origin.offset}",
        f"key          {_bytes(letter.key)}",
        *(f"header       {name} = {_bytes(value)}" for name, value in letter.headers),
        f"value        {_bytes(letter.value)}",
    ]
    if said := _event(letter):
        lines.append(f"says         {said}")
    return "\n".join(lines)


def _event(letter: DeadLetter) -> str:
    try:
        (given,) = raw_events.decode(_record(letter))
    except (Undecodable, ValueError):
        return ""
    if not isinstance(given, RawInput):
        return ""
    event = given.event
    return json.dumps(
        {
            "event_id": event.event_id, "profile_id": event.profile_id, "type": event.type,
            "occurred_at": event.occurred_at, "source": event.source, "properties": event.properties,
            "consent": event.consent,
        },
        ensure_ascii=False, default=str,
    )  # fmt: skip


def _record(letter: DeadLetter) -> ConsumerRecord[bytes, bytes]:
    origin, key, value = letter.origin, letter.key, letter.value
    return ConsumerRecord(
        origin.topic, origin.partition, origin.offset, origin.timestamp, 0, key, value, None, len(key or b""),
        len(value or b""), letter.headers,
    )  # fmt: skip


def _instant(at: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(at / 1000))


def _bytes(value: bytes | None) -> str:
    return "none" if value is None else repr(value)[2:-1]
