"""A deployment of the toy stream on a real broker: topics, workers as processes, and the judgement over them."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from time import monotonic, sleep

import msgspec
from confluent_kafka import ConsumerGroupState, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from agents.settings import Settings
from agents.transport.supervisor import Command
from agents.transport.topics import create_topics, wanted_topics
from tests import toy, witness
from tests.toy_judge import Judgement, judge

ROOT = Path(__file__).resolve().parent.parent
PARTITIONS = 8
KEYS = 50  # per partition
_numbers = count()


def wait_until(condition: Callable[[], bool], deadline_s: float, what: str) -> None:
    """Return as soon as the condition holds; fails, saying what was waited for, when it does not in time."""
    deadline = monotonic() + deadline_s
    while not condition():
        assert monotonic() < deadline, f"waited {deadline_s} s for {what}"
        sleep(0.02)


class ToyDeployment:
    """One namespace of its own on the broker."""

    def __init__(self, broker: str, home: Path, *, keys: int = KEYS, text: str = "x" * 60) -> None:
        """Create the topics."""
        self.settings = Settings(
            broker=broker, namespace=f"toy-{os.getpid()}-{next(_numbers)}", home=home, partitions=PARTITIONS
        )
        self.broker = broker
        self.group = self.settings.namespace
        self.fed = 0
        self.keys, self.text = keys, text
        self.workers: list[subprocess.Popen[str]] = []
        wanted = wanted_topics(self.settings.namespace, PARTITIONS, ["toy"])
        asyncio.run(create_topics(broker, wanted))

    def close(self) -> None:
        """Kill the workers that are left."""
        for worker in self.workers:
            worker.kill()
            worker.communicate()

    def topic(self, noun: str) -> str:
        """Return a topic's full name."""
        return f"{self.group}.{noun}.v1"

    def environment(self, **settings: str) -> dict[str, str]:
        """Return the environment of a worker."""
        told = {name: value for name, value in os.environ.items() if not name.startswith("CONTINUO_")}
        return told | {
            "CONTINUO_BROKER": self.broker,
            "CONTINUO_NAMESPACE": self.group,
            "CONTINUO_PARTITIONS": str(PARTITIONS),
            "CONTINUO_HOME": str(self.settings.home),
            "PYTHONPATH": str(ROOT),
            **settings,
        }

    def command(self, name: str) -> Command:
        """Return how a supervisor starts a worker of that name."""
        return Command([sys.executable, "-m", "tests.toy", name], f"{self.group}-{name}", self.environment())

    def start(self, name: str = "w0", patience_ms: str = "", **settings: str) -> subprocess.Popen[str]:
        """Start one worker without a supervisor; stderr is kept for the caller."""
        worker = subprocess.Popen(
            [sys.executable, "-m", "tests.toy", name, patience_ms],
            env=self.environment(**settings),
            cwd=self.settings.home,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.workers.append(worker)
        return worker

    def feed(self, records: int, *, rate: int = 0) -> None:
        """Write that many events; with a rate (per second) in slices, else at once."""
        slice_records = rate // 20 or max(1, records)
        began = monotonic()
        with witness.feeder(self.broker, self.topic("raw-events")) as feed:
            for first in range(0, records, slice_records):
                feed(self.events(min(slice_records, records - first)))
                if rate:
                    due = began + (first + slice_records) / rate
                    wait_until(lambda due=due: monotonic() >= due, 60, "the feeder's clock")  # type: ignore[misc]

    def feeding(self, records: int, rate: int) -> threading.Thread:
        """Feed in the background; join the thread that is returned."""
        thread = threading.Thread(target=self.feed, args=(records,), kwargs={"rate": rate})
        thread.start()
        return thread

    def events(self, records: int) -> Iterator[tuple[int, bytes, bytes]]:
        """Yield that many events that were not yielded before, as (partition, key, value)."""
        for n in range(self.fed, self.fed + records):
            partition = n % PARTITIONS
            key = f"{partition}-{n // PARTITIONS % self.keys}"
            yield partition, key.encode(), msgspec.json.encode(toy.Event(n, key, float(n % 97), self.text))
        self.fed += records

    def feed_in_transactions(self, records: int, per_transaction: int) -> None:
        """Write events in transactions of one producer and abort every tenth of those."""
        producer = Producer({"bootstrap.servers": self.broker, "transactional.id": f"{self.group}-feeder"})
        producer.init_transactions(10)
        for number in range(records // per_transaction):
            producer.begin_transaction()
            for partition, key, value in self.events(per_transaction):
                producer.produce(self.topic("raw-events"), value, key, partition)
            if number % 10 == 9:
                producer.flush(10)
                producer.abort_transaction(10)
            else:
                producer.commit_transaction(10)

    @contextmanager
    def hanging_transaction(self, noun: str, partition: int) -> Iterator[None]:
        """Keep a stranger's transaction open on a partition."""
        producer = Producer({"bootstrap.servers": self.broker, "transactional.id": f"{self.group}-stranger"})
        producer.init_transactions(10)
        producer.begin_transaction()
        producer.produce(self.topic(noun), b"", b"stranger", partition)
        producer.flush(10)
        yield
        producer.abort_transaction(10)

    def recreate(self, noun: str) -> None:
        """Delete a topic and make it anew."""
        admin = AdminClient({**witness.QUIET, "bootstrap.servers": self.broker})
        for done in admin.delete_topics([self.topic(noun)], operation_timeout=10).values():
            done.result()
        wait_until(lambda: self.topic(noun) not in admin.list_topics(timeout=10).topics, 10, "the topic to be gone")
        asyncio.run(create_topics(self.broker, wanted_topics(self.group, PARTITIONS, ["toy"])))

    def truncate(self, noun: str, offset: int) -> None:
        """Delete every partition's records before `offset`."""
        admin = AdminClient({**witness.QUIET, "bootstrap.servers": self.broker})
        places = [TopicPartition(self.topic(noun), partition, offset) for partition in range(PARTITIONS)]
        for done in admin.delete_records(places).values():
            done.result()

    def tail(self, noun: str = "events", *, committed: bool = True) -> witness.Tail:
        """Follow a topic."""
        return witness.Tail(self.broker, self.topic(noun), PARTITIONS, committed=committed)

    def wait_members(self, members: int) -> None:
        """Wait until the group is at rest with that many members."""
        admin = AdminClient({**witness.QUIET, "bootstrap.servers": self.broker})

        def is_at_rest() -> bool:
            try:
                group = admin.describe_consumer_groups([self.group])[self.group].result(10)
            except KafkaException:
                return False  # its coordinator is still being made
            return len(group.members) == members and group.state == ConsumerGroupState.STABLE

        wait_until(is_at_rest, 30, f"{members} members")

    def wait_committed(self, records: int, deadline_s: float = 60) -> None:
        """Wait until a committed reader has seen that many events."""
        tail = self.tail()
        try:
            wait_until(lambda: tail.count() >= records, deadline_s, f"{records} committed events")
        finally:
            tail.close()

    def judge(self) -> Judgement:
        """Compare outputs, rows and positions with a sequential run over the source."""
        return judge(self.broker, self.topic, PARTITIONS)
