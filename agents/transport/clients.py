"""Kafka clients besides Faust's consumer: connections to commit on, fenced producers, readers that come and go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from agents.access.denials import denial
from agents.access.servers import connecting, writing
from agents.broker.elsewhere import refusal
from agents.transport.errors import Refused, Unreachable
from agents.transport.headers import accept_any_header

PATIENCE_S: Final = 5.0  # for a broker to answer at all
BATCH_BYTES_MAX: Final = 900_000  # below the broker's default of 1 MiB a request
RESTORE_BYTES_MAX: Final = 4 << 20  # per partition and fetch: larger ones gain nothing


def new_client(servers: str, client_id: str, request_timeout_ms: int = 15_000) -> AIOKafkaClient:
    """Return bare connections: a worker commits on such, and what no other client can ask is asked on them."""
    return AIOKafkaClient(
        **connecting(servers), client_id=client_id, request_timeout_ms=request_timeout_ms, metadata_max_age_ms=60_000
    )


def new_consumer(servers: str, *topics: str, **options: Any) -> AIOKafkaConsumer:
    """Return a consumer."""
    return AIOKafkaConsumer(*topics, **connecting(servers), **options)


def new_writer(servers: str, **options: Any) -> AIOKafkaProducer:
    """Return a producer without transactions; nothing that it acknowledges is lost."""
    return AIOKafkaProducer(**writing(servers), acks="all", **options)


def new_producer(servers: str, transactional_id: str, timeout_s: float) -> AIOKafkaProducer:
    """Return a transactional producer; starting it fences whoever had the id before."""
    return AIOKafkaProducer(
        **writing(servers),
        client_id=transactional_id,
        transactional_id=transactional_id,
        transaction_timeout_ms=int(timeout_s * 1000),
        acks="all",
        linger_ms=0,  # batches are full when they are handed over
        max_batch_size=BATCH_BYTES_MAX,
        request_timeout_ms=15_000,
        retry_backoff_ms=20,
        metadata_max_age_ms=60_000,
    )


@asynccontextmanager
async def answering(servers: str, patience_s: float = PATIENCE_S) -> AsyncIterator[None]:
    """Raise Unreachable where what is asked meanwhile is not answered within `patience_s`, or by nobody.

    A broker that is there and refuses us is told as what it is: Refused, with the reason and the remedy.
    """
    try:
        async with asyncio.timeout(patience_s):
            yield
    except (TimeoutError, KafkaError, OSError) as error:
        if told := denial(error):
            raise Refused(told) from error
        reason, is_for_good = await asyncio.to_thread(refusal, servers)
        if is_for_good:
            raise Refused(reason) from error
        raise Unreachable(
            f"no Kafka answers at {servers}; start the embedded one with `continuo up`, "
            "or set CONTINUO_BROKER to the address of yours" + (f" ({reason})" if reason else "")
        ) from error


@asynccontextmanager
async def reader(servers: str, *, committed: bool) -> AsyncIterator[AIOKafkaConsumer]:
    """Yield a consumer outside any group, for assigned partitions; it never resets a position by itself."""
    accept_any_header()
    consumer = new_consumer(
        servers,
        isolation_level="read_committed" if committed else "read_uncommitted",
        enable_auto_commit=False,
        auto_offset_reset="none",
        max_partition_fetch_bytes=RESTORE_BYTES_MAX,
        fetch_max_bytes=16 * RESTORE_BYTES_MAX,
        fetch_max_wait_ms=50,
        check_crcs=False,  # TCP and the broker have checked
    )
    try:
        await consumer.start()
        yield consumer
    finally:
        await consumer.stop()


@asynccontextmanager
async def admin(servers: str) -> AsyncIterator[AIOKafkaAdminClient]:
    """Yield an admin client; raises Unreachable when no broker answers within PATIENCE_S."""
    client = AIOKafkaAdminClient(**connecting(servers), request_timeout_ms=15_000)
    try:
        async with answering(servers):
            await client.start()
        yield client
    finally:
        await client.close()
