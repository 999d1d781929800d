"""The stream in memory: the same appliers on a log that is a list, one shard after another, until all is done.

What it cannot do: commit, fail, lose a worker, or let two things happen at once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Final

from aiokafka.structs import ConsumerRecord

from agents.transport.applier import Applier, Output
from streams.topology import BY_NOUN, topic_name

Reader = Callable[[ConsumerRecord], list[Output]]  # a process outside the shards: a model worker, a delivery channel
Place = tuple[str, int]
Headers = Sequence[tuple[str, bytes]]

PRIORITY: Final = ("policies", "models", "proposals", "ticks", "routed-events", "raw-events")
CHUNK_MAX: Final = 1_000


class MemoryStream:
    """A deployment: a log, its shards, and the processes around them."""

    def __init__(self, namespace: str, appliers: Sequence[Applier]) -> None:
        self.log: Final[dict[Place, list[ConsumerRecord[bytes, bytes]]]] = defaultdict(list)
        self._namespace: Final = namespace
        self._appliers: Final = appliers  # the caller may replace one by its successor
        self._readers: dict[str, Reader] = {}
        self._next: dict[tuple[int, Place], int] = defaultdict(int)  # (shard or -1 for a reader, place) -> next offset
        self.wall = 0

    def attach(self, noun: str, model: str, read: Reader) -> None:
        """Let a process outside the shards read a topic."""
        self._readers[topic_name(self._namespace, noun, model)] = read

    def append(self, output: Output, partition: int = 0) -> None:
        """Write one record; `partition` is for those that name none."""
        topic, explicit, key, value, headers = output
        self._write((topic, partition if explicit is None else explicit), key, value, headers)

    def send(self, noun: str, key: bytes | None, value: bytes | None, partition: int = 0) -> None:
        """Produce one record as somebody outside would."""
        self._write((topic_name(self._namespace, noun), partition), key, value, [])

    def records(self, noun: str, model: str = "") -> list[ConsumerRecord[bytes, bytes]]:
        """Return all records of a topic, partition by partition."""
        name = topic_name(self._namespace, noun, model)
        return [record for place in sorted(self.log) if place[0] == name for record in self.log[place]]

    def run(self) -> None:
        """Go on until every source is read and every process has answered."""
        while self._turn():
            pass

    def pass_time(self, ms: int) -> None:
        """Let time pass on the wall clock, and what it brings about happen."""
        self.wall += ms
        self.run()

    def _write(self, place: Place, key: bytes | None, value: bytes | None, headers: Headers) -> None:
        offset, sizes = len(self.log[place]), (len(key or b""), len(value or b""))
        record = ConsumerRecord(*place, offset, self.wall, 0, key, value, None, *sizes, tuple(headers))
        self.log[place].append(record)

    def _turn(self) -> bool:
        moved = False
        for shard, applier in enumerate(self._appliers):
            moved |= self._fire(shard, applier)
            for noun in PRIORITY:
                moved |= self._take(shard, applier, noun)
        for topic, read in self._readers.items():
            for place in [place for place in self.log if place[0] == topic]:
                for record in self.log[place][self._next[-1, place] :]:
                    self._next[-1, place] += 1
                    moved = True
                    for output in read(record):
                        self.append(output)
        return moved

    def _fire(self, shard: int, applier: Applier) -> bool:
        due = applier.wake_at()
        if due is None or due > self.wall:
            return False
        for output in applier.fire(self.wall).outputs:
            self._route(output, shard)
        return True

    def _take(self, shard: int, applier: Applier, noun: str) -> bool:
        place = (topic_name(self._namespace, noun), 0 if BY_NOUN[noun].control else shard)
        start = self._next[shard, place]
        chunk = self.log[place][start : start + CHUNK_MAX]
        if not chunk:
            return False
        turn = applier.take(place[0], chunk, self.wall)
        self._next[shard, place] += turn.consumed
        for output in turn.outputs:
            self._route(output, shard)
        return turn.consumed > 0

    def _route(self, output: Output, shard: int) -> None:
        noun = output[0].removeprefix(f"{self._namespace}.").split(".")[0]
        self.append(output, 0 if BY_NOUN[noun].control else shard)


