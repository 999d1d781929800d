"""A deployment on a real Kafka for the suite: its worker is a process; what is around it, another client does."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from confluent_kafka import Producer

from agents.codecs.avro import DECODERS
from agents.settings import Settings
from agents.transport.group import leave_group
from agents.transport.topics import wanted_topics
from agents.workers.answering import answer
from agents.workers.shelf import Shelf
from streams.topology import TOPICS, topic_name
from tests.brokers import free_port
from tests.processes import PATIENCE_S, Deployment, kill, wait_until
from tests.streams.contract import Stream
from tests.witness import READ_S, Ledger, Seen

SETTLE_S: Final = 2 * PATIENCE_S  # a worker may have to start first


class KafkaStream(Stream):
    """One worker, started with the deployment."""

    def __init__(
        self, broker: str, home: Path, bundle: dict[str, Any], partitions: int = 2, mode: str = "history", *,
        lockstep: bool = False,
    ) -> None:  # fmt: skip
        self._deployment: Final = Deployment(broker, home, bundle, partitions=partitions, mode=mode)
        self._deployment.environment["CONTINUO_LOCKSTEP"] = str(lockstep).lower()
        space, models = self._deployment.namespace, self._deployment.policy.models
        self.settings = Settings(broker=broker, namespace=space, partitions=partitions, mode=mode, lockstep=lockstep)
        self._producer: Final = Producer({"bootstrap.servers": broker, "enable.idempotence": True, "linger.ms": 0})
        topics = {topic.name: topic.partitions for topic in wanted_topics(space, partitions, models)}
        self._ledger: Final = Ledger(broker, topics)
        self._sources: Final = [topic_name(space, topic.noun) for topic in TOPICS if topic.source]
        self._shelves: Final[dict[str, Shelf]] = {}  # by model
        self._answered: Final[set[tuple[str, int, int]]] = set()  # model, partition and offset of the request batch
        self._stack: Final = ExitStack()
        self._stack.enter_context(self._deployment)
        self._stack.callback(self._ledger.close)
        self._stack.callback(self._producer.close)
        self._worker = self._started()


    def now(self) -> int:
        return time.time_ns() // 1_000_000

    def send(
        self,
        noun: str,
        key: bytes | None,
        value: bytes | None,
        partition: int = 0,
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> None:
        topic = topic_name(self.settings.namespace, noun)
        self._producer.produce(topic, value, key, partition, headers=list(headers))

    def serve(self, model: str, shelf: Shelf) -> None:
        self._shelves[model] = shelf

    def settle(self, rounds: int = 0) -> None:
        try:
            wait_until("the stream at rest", lambda: self._is_settled(rounds), SETTLE_S)
        except AssertionError as error:
            waiting = f"{self.rounds_open()} rounds open, {rounds} expected; unread: {self.unread()}"
            raise AssertionError(f"{error}; {waiting}\n{self._deployment.log('worker').read_text()}") from None

    def restart(self) -> None:
        kill(self._worker)
        space = self.settings.namespace
        asyncio.run(leave_group(self._deployment.broker, space, f"{space}-worker"))
        self._worker = self._started()

    @contextmanager
    def another(self) -> Iterator[None]:
        """Run a second worker meanwhile."""
        worker = self._deployment.run("worker", "--web-port", str(free_port()), "--name", "another", log="another")
        yield
        kill(worker)

    def close(self) -> None:
        self._stack.close()

    def records(self, noun: str, model: str = "") -> list[Seen]:
        name = topic_name(self.settings.namespace, noun, model)
        return [one for (topic, _), seen in sorted(self._ledger.seen.items()) if topic == name for one in seen]

    def _started(self) -> subprocess.Popen[bytes]:
        self.web_port = free_port()
        return self._deployment.run("worker", "--web-port", str(self.web_port), log="worker")

    def _is_settled(self, rounds: int) -> bool:
        """Tell whether everything written is committed and applied, and nothing came meanwhile."""
        assert self._worker.poll() is None, "the worker has ended"
        assert self._producer.flush(READ_S) == 0
        ends = self._ledger.ends()
        if ends is None:
            return False
        self._ledger.read_to(ends)
        if self._answer() or self.release_barriers() or self.unread() or self.rounds_open() != rounds:
            return False
        return self._ledger.ends() == ends

    def _answer(self) -> bool:
        """Answer what was asked of the models served here; tell whether there was anything."""
        count = len(self._answered)
        for model, shelf in self._shelves.items():
            for seen in self.records("requests", model):
                if (model, seen.partition, seen.offset) not in self._answered:
                    self._answered.add((model, seen.partition, seen.offset))
                    batch = DECODERS["request_batch"](seen.value)
                    self.answer(model, batch.reply_partition, *answer(batch.items, shelf.get, lambda: 0))
        return len(self._answered) > count
