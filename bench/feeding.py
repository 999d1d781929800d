"""Writes events as a producer does, which is not the way of anybody who is measured."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from confluent_kafka import KafkaError, Message, Producer

FLUSH_S: Final = 60.0
POLL_EVERY: Final = 10_000

Record = tuple[int, bytes | None, bytes | None]  # partition, key, value


class Feeder:
    """A producer that writes each record once and in order, and ends the benchmark where it cannot."""

    def __init__(self, address: str, **settings: Any) -> None:
        """Connect; `settings` are the library's."""
        usual = {
            "bootstrap.servers": address,
            "enable.idempotence": True,
            "linger.ms": 20,
            "batch.size": 900_000,
            "queue.buffering.max.messages": 1_000_000,
            "queue.buffering.max.kbytes": 1 << 20,
            "delivery.report.only.error": True,
            "on_delivery": self._note,
            "log_level": 2,  # a broker that has just started makes the client try again, and say so
        }
        self.producer: Final = Producer(usual | {name.replace("_", "."): value for name, value in settings.items()})
        self._failures: list[str] = []

    def write(self, topic: str, record: Record) -> None:
        """Write one record, waiting for room."""
        partition, key, value = record
        while True:
            try:
                self.producer.produce(topic, value, key, partition)
                return
            except BufferError:
                self.producer.poll(0.05)

    def finish(self) -> None:
        """Wait until everything is written."""
        left = self.producer.flush(FLUSH_S)
        if left or self._failures:
            raise SystemExit(f"{left} records were not written within {FLUSH_S:g} s; {self._failures[:3]}")

    def _note(self, error: KafkaError | None, _: Message) -> None:
        self._failures.append(str(error))


def feed(address: str, topic: str, records: Iterable[Record]) -> int:
    """Write records and return how many they were."""
    feeder = Feeder(address)
    count = 0
    for count, record in enumerate(records, 1):
        feeder.write(topic, record)
        if count % POLL_EVERY == 0:
            feeder.producer.poll(0)
    feeder.finish()
    return count
