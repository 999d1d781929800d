"""Ids of a registry: raw events that producers wrote with it, read as their own schema says.

Theory of operation.  Our ids always resolve from `schemas/`.  Any other id is asked of the registry once, before the
record reaches its shard, and what it stands for never changes there.  A schema that is ours in other words is read by
our codec; any other one is read by it, and resolved to ours as Avro has it.  An id that the registry does not know is
asked again after a minute: until then its records are dead letters.
"""

from __future__ import annotations

import asyncio
import io
import json
import time
from collections.abc import Callable, Iterable
from typing import Any, Final

import fastavro
import structlog
from aiohttp import ClientSession
from aiokafka import ConsumerRecord

import schemas
from agents.codecs.framing import HEADER_LENGTH, header, refused
from agents.codecs.generated.raw_event import decode_raw_event
from agents.errors import UserError
from agents.registry.client import RegistryClient
from streams.records import RawEvent

ASK_AGAIN_S: Final = 60.0  # an id that was not known
RETRY_S: Final = 1.0  # a registry that does not answer
UNKNOWN_MAX: Final = 1_000  # ids that are none: whoever invents them fills no memory

Read = Callable[[bytes], RawEvent]  # a whole value; raises Undecodable

_OURS: Final = frozenset(header("raw_event", version) for version in schemas.versions("raw_event"))
_MAGIC: Final = b"\0"
_log = structlog.get_logger(__name__)


class Foreign:
    """What a registry has told of ids that are not ours."""

    def __init__(self, url: str) -> None:
        self._url: Final = url
        self._reads: dict[bytes, Read | None] = {}  # by header; None = there is no such schema
        self._asked_at: dict[bytes, float] = {}  # of those

    def unknown(self, records: Iterable[ConsumerRecord[bytes, bytes]]) -> set[bytes]:
        """Return the headers of these records that have to be asked about before they are decoded."""
        heads = {record.value[:HEADER_LENGTH] for record in records if record.value} - _OURS - self._reads.keys()
        return {head for head in heads if head.startswith(_MAGIC) and len(head) == HEADER_LENGTH}

    async def learn(self, head: bytes) -> None:
        """Ask about a header until there is an answer; say so once where that takes long."""
        async with ClientSession() as session:
            found = await _ask(RegistryClient(session, self._url), int.from_bytes(head[1:], "big"))
        if len(self._asked_at) >= UNKNOWN_MAX:  # a schema is never forgotten: records that carry its id may be waiting
            for one in self._asked_at:
                del self._reads[one]
            self._asked_at.clear()
        self._reads[head] = None if found is None else _reader(head, found)
        if found is None:
            self._asked_at[head] = time.monotonic()

    def decode(self, value: bytes) -> RawEvent | None:
        """Return the event of a value whose header the registry knows, None for any other; raises Undecodable."""
        head = value[:HEADER_LENGTH]
        read = self._reads.get(head)
        if read is not None:
            return read(value)
        if head in self._asked_at and time.monotonic() - self._asked_at[head] > ASK_AGAIN_S:
            del self._asked_at[head], self._reads[head]
        return None


async def _ask(client: RegistryClient, number: int) -> str | None:
    """Return the schema of an id, None if there is none; while nobody answers, ask again."""
    is_told = False
    while True:
        try:
            return await client.schema(number)
        except (UserError, LookupError, TypeError, ValueError) as error:  # what answers otherwise is no registry yet
            if not is_told:
                _log.error("events wait for the schema registry", why=repr(error))
            is_told = True
        await asyncio.sleep(RETRY_S)


def _reader(head: bytes, told: str) -> Read:
    """Return how a value with this header is read, whose schema is told as the registry has it."""
    number = int.from_bytes(head[1:], "big")
    try:
        theirs = fastavro.parse_schema(_plain(json.loads(told)))
    except Exception as error:  # noqa: BLE001  # whatever a parser stumbles over in a text from outside
        return _refusing(f"the registry's schema {number} is no Avro schema: {error}")
    for version in schemas.versions("raw_event"):
        ours = fastavro.parse_schema(_plain(schemas.load("raw_event", version)))
        if _canonical(theirs) == _canonical(ours):
            front = header("raw_event", version)
            return lambda value: decode_raw_event(front + value[HEADER_LENGTH:])
    return lambda value: _resolved(value, theirs, number)


def _resolved(value: bytes, theirs: Any, number: int) -> RawEvent:
    body = io.BytesIO(value[HEADER_LENGTH:])
    try:
        told = fastavro.schemaless_reader(body, theirs, _PARSED)
    except fastavro.read.SchemaResolutionError as error:
        raise refused("schema", f"schema {number} of the registry is no raw event: {error}") from None
    except Exception as error:  # noqa: BLE001  # whatever a reader stumbles over in bytes from outside
        raise refused("truncated", f"no record of schema {number}: {type(error).__name__}: {error}") from None
    if left := len(body.read()):
        raise refused("trailing", f"{left} bytes stand behind the record of schema {number}")
    if not isinstance(told, dict):
        raise refused("schema", f"schema {number} of the registry is no record")
    return RawEvent(**told)


def _refusing(why: str) -> Read:
    def refuse(_: bytes) -> RawEvent:
        raise refused("schema", why)

    return refuse


def _canonical(schema: Any) -> str:
    return str(fastavro.schema.to_parsing_canonical_form(schema))


def _plain(schema: Any) -> Any:
    """Return a schema whose values come out as what stands on the wire: without logical types."""
    if isinstance(schema, dict):
        return {name: _plain(part) for name, part in schema.items() if name != "logicalType"}
    return [_plain(part) for part in schema] if isinstance(schema, list) else schema


_PARSED: Final = fastavro.parse_schema(_plain(schemas.load("raw_event")))
