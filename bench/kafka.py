"""The broker of a benchmark and its topics: embedded, fresh, gone afterwards."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from agents import broker
from agents.transport.topics import Wanted, create_topics
from tests.brokers import free_port

GONE_S: Final = 30.0
_POLL_S: Final = 0.05


@dataclass(frozen=True)
class Kafka:
    """A broker that runs for us alone."""

    address: str
    pid: int
    home: Path  # a folder that is gone afterwards

    def create(self, *wanted: Wanted) -> None:
        """Create topics."""
        asyncio.run(create_topics(self.address, wanted))

    def recreate(self, *wanted: Wanted) -> None:
        """Create topics, empty even if they were there before."""
        self.delete(*(one.name for one in wanted))
        self.create(*wanted)

    def delete(self, *names: str) -> None:
        """Delete topics and wait until they are gone; those that are not there are no matter."""
        admin = AdminClient({"bootstrap.servers": self.address})
        there = admin.list_topics(timeout=10).topics.keys()
        doomed = [name for name in names if name in there]
        if not doomed:
            return
        for done in admin.delete_topics(doomed, operation_timeout=10).values():
            try:
                done.result()
            except KafkaException as error:
                raise SystemExit(f"the broker did not delete a topic of a former run: {error}") from error
        deadline = monotonic() + GONE_S
        while admin.list_topics(timeout=10).topics.keys() & set(doomed):
            if monotonic() > deadline:
                raise SystemExit(f"topics of a former run are still there after {GONE_S:g} s: {', '.join(doomed)}")
            sleep(_POLL_S)


@contextmanager
def running() -> Iterator[Kafka]:
    """Run a broker of our own within the block."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Path(folder)
        address = broker.start(home, free_port(), progress=lambda line: print(f"· {line}", flush=True))
        try:
            yield Kafka(address, broker.status(home).pid or 0, home)
        finally:
            broker.stop(home)
