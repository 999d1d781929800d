"""What a committed reader sees while a run goes on: how far it is, and how long a partition was silent."""

from __future__ import annotations

import threading
from time import monotonic

from confluent_kafka import Consumer, TopicPartition

from tests.witness import QUIET


class Progress(threading.Thread):
    """Counts the records of a topic as they are committed."""

    def __init__(self, servers: str, topic: str, partitions: int) -> None:
        super().__init__(daemon=True)
        self.counts = [0] * partitions
        self.silence_s = 0.0  # the longest of a partition since the first mark
        self._last = [0.0] * partitions
        self._marked_at = 0.0
        self._topic = topic
        self._servers = servers
        self._stopping = threading.Event()

    @property
    def total(self) -> int:
        """Return how many there are by now."""
        return sum(self.counts)

    def mark(self) -> None:
        """Count silences from now on: here comes a fault."""
        self._marked_at = self._marked_at or monotonic()

    def run(self) -> None:
        """Follow the topic until `stop`."""
        consumer = Consumer(
            {
                **QUIET,
                "bootstrap.servers": self._servers,
                "group.id": "witness",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 20,
                "reconnect.backoff.max.ms": 500,
            }
        )
        consumer.assign([TopicPartition(self._topic, number, 0) for number in range(len(self.counts))])
        try:
            while not self._stopping.is_set():
                messages = consumer.consume(10_000, 0.05)
                self._note([message.partition() or 0 for message in messages if message.error() is None])
        finally:
            consumer.close()

    def stop(self) -> None:
        """End the thread."""
        self._stopping.set()
        self.join()

    def _note(self, partitions: list[int]) -> None:
        now = monotonic()
        for number in set(partitions):
            if self._marked_at:
                self.silence_s = max(self.silence_s, now - max(self._last[number], self._marked_at))
            self._last[number] = now
            self.counts[number] += partitions.count(number)
