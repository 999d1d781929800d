"""The `policies` topic: every bundle that was ever published under its hash, then which one is current."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterable
from typing import Any, Final

import structlog
from aiokafka import ConsumerRecord

from agents.committed import PATIENCE_S, read_committed
from agents.errors import UserError
from agents.transport.clients import new_writer
from streams.topology import topic_name

NOUN: Final = "policies"
CURRENT: Final = b"current"
BUNDLE: Final = b"bundle/"
_POLL_S: Final = 0.3

Bundle = dict[str, Any]

_log = structlog.get_logger(__name__)


def canonical(bundle: Bundle) -> bytes:
    """Return the bundle as the bytes that its hash is over."""
    return json.dumps(bundle, sort_keys=True, separators=(",", ":")).encode()


async def publish(servers: str, namespace: str, bundle: Bundle) -> str:
    """Make this bundle the current policy and return its hash; every shard switches to it between two steps."""
    value = canonical(bundle)
    digest = hashlib.sha256(value).hexdigest()
    producer = new_writer(servers, enable_idempotence=True)
    await producer.start()
    try:
        topic = topic_name(namespace, NOUN)
        # One after the other: whoever reads `current` has read its bundle.
        await producer.send_and_wait(topic, value, BUNDLE + digest.encode(), partition=0)
        await producer.send_and_wait(topic, digest.encode(), CURRENT, partition=0)
    finally:
        await producer.stop()
    return digest


async def read_bundles(servers: str, namespace: str) -> tuple[dict[str, Bundle], str]:
    """Return all bundles by hash, and the hash of the current one, "" if none was published."""
    return bundles_of((await read_committed(servers, topic_name(namespace, NOUN))).records)


def bundles_of(records: Iterable[ConsumerRecord[bytes, bytes]]) -> tuple[dict[str, Bundle], str]:
    """Return the same, of the topic's records; what nobody of ours wrote is passed over, as the shards bury it."""
    bundles: dict[str, Bundle] = {}
    current = ""
    for record in records:
        key, value = record.key or b"", record.value
        try:
            if key == CURRENT and value is not None:
                current = value.decode()
            elif key.startswith(BUNDLE) and value is not None:
                bundles[key.removeprefix(BUNDLE).decode()] = _bundle(value)
        except (ValueError, RecursionError) as error:
            _log.error("no policy", policy=key.decode(errors="replace"), why=str(error))
    return bundles, current


def _bundle(value: bytes) -> Bundle:
    bundle = json.loads(value)
    if not isinstance(bundle, dict):
        message = f"expected a bundle, a mapping of sections, came a {type(bundle).__name__}"
        raise ValueError(message)
    return bundle


async def read_current(servers: str, namespace: str, patience_s: float = PATIENCE_S) -> Bundle:
    """Return the current bundle as soon as there is one; raise UserError when there is none within `patience_s`."""
    deadline = asyncio.get_running_loop().time() + patience_s
    while True:
        bundles, current = await read_bundles(servers, namespace)
        if current in bundles:
            return bundles[current]
        if asyncio.get_running_loop().time() >= deadline:
            raise UserError(
                f"no policy is published on {topic_name(namespace, NOUN)}; `continuo run --policy FOLDER` publishes one"
            )
        await asyncio.sleep(_POLL_S)
