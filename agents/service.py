"""Runs a long-lived process of its own: until it is told to stop, or the transport fails it."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError

from agents.errors import UserError
from agents.transport.errors import die
from agents.transport.supervisor import watch_lifeline

Client = TypeVar("Client", AIOKafkaConsumer, AIOKafkaProducer)
Main = Callable[[asyncio.Event], Coroutine[Any, Any, None]]


def run(name: str, main: Main) -> None:
    """Run `main` until it returns; it is given an event that SIGTERM, SIGINT and the end of its supervisor set.

    Crash-only: an error of the transport ends the process at once, with one line and code 70, for whoever started it to
    start it again. An error meant for the user is raised.
    """
    try:
        asyncio.run(_supervise(main))
    except KafkaError as error:
        die(f"{name}: the transport failed; what was not committed did not happen", error)
    except OSError as error:
        die(f"{name}: the transport or the disk failed", error)
    except UserError:
        raise
    except Exception as error:  # noqa: BLE001 — a bug: told with its traceback, then the same fate
        die(f"{name}: ended by a bug", error, bug=True)
    sys.stdout.flush()


@asynccontextmanager
async def started(client: Client) -> AsyncIterator[Client]:
    """Start a Kafka client and stop it at the end; after an error of the transport it is left as it is (crash-only)."""
    await client.start()
    try:
        yield client
    except (KafkaError, OSError):
        raise
    except BaseException:
        await client.stop()
        raise
    await client.stop()


async def _supervise(main: Main) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    watch_lifeline(stop.set)
    await main(stop)
