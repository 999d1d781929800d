"""How everybody who is no worker writes to the log, and reads what is new on it."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from aiokafka import TopicPartition

from streams.topology import topic_name
from tests.simulation.log import Log, Message, Record
from tests.simulation.loop import Clock


class Post:
    """One party's way to the log; what it writes stands outside of any transaction."""

    def __init__(self, log: Log, clock: Clock, *, is_live: bool) -> None:
        self.clock: Final = clock
        self.is_live: Final = is_live
        self._log: Final = log
        self._read: Final[dict[TopicPartition, int]] = defaultdict(int)

    def send(self, noun: str, key: bytes | None, value: bytes | None, partition: int = 0) -> None:
        """Write a record."""
        place = TopicPartition(topic_name("continuo", noun), partition)
        self._log.append(place, Message(key, value, (), self.clock.ms))

    def news(self, noun: str, partition: int, model: str = "", *, committed: bool) -> list[Record]:
        """Return what has come since the last time."""
        place = TopicPartition(topic_name("continuo", noun, model), partition)
        records, self._read[place] = self._log.fetch(place, self._read[place], committed=committed)
        return records
