"""Runs a long-lived process of its own: until it is told to stop, or the transport fails it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any, Final, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError

from agents.errors import UserError
from agents.transport.errors import die
from agents.transport.headers import accept_any_header
from agents.transport.supervisor import watch_lifeline

Client = TypeVar("Client", AIOKafkaConsumer, AIOKafkaProducer)
END_S: Final = 15.0  # below what a supervisor grants before it kills

READY: Final[set[str]] = set()  # parts of this process that do their work: models, delivery channels

Main = Callable[[asyncio.Event], Coroutine[Any, Any, None]]


def run(name: str, main: Main, pages: AbstractAsyncContextManager[None] | None = None) -> None:
    """Run `main` until it returns; it is given an event that SIGTERM, SIGINT and the end of its supervisor set.

    `pages`, which tell how the process fares, are held meanwhile.

    Crash-only: an error of the transport ends the process at once, with one line and code 70, for whoever started it to
    start it again. An error meant for the user is raised.
    """
    accept_any_header()
    asyncio.run(_supervise(name, main, pages or nullcontext()))


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


async def _supervise(name: str, main: Main, pages: AbstractAsyncContextManager[None]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    watch_lifeline(stop.set)
    overdue = asyncio.create_task(_die_overdue(name, stop))
    try:
        async with pages:
            await main(stop)
    except UserError:
        raise
    # Ended here, with the loop still running: closing clients that have lost their broker can wait for ever.
    except (KafkaError, OSError) as error:
        die(f"{name}: the transport or the disk failed; what was not committed did not happen", error)
    except Exception as error:  # noqa: BLE001 — a bug: told with its traceback, then the same fate
        die(f"{name}: ended by a bug", error, bug=True)
    finally:
        overdue.cancel()


async def _die_overdue(name: str, stop: asyncio.Event) -> None:
    """End the process if it has not ended by itself in time: clients that have lost their broker wait for ever."""
    await stop.wait()
    READY.clear()
    await asyncio.sleep(END_S)
    die(f"{name}: told to stop, and not done", TimeoutError(f"after {END_S:.0f} s"))
