"""The stream in memory: the worker's own shards on a log that is a list, one after the other, until all is done.

It passes the suite of the real one (`tests/streams`). What it cannot do:

- lose anything: a turn is committed as it is taken, so nothing is aborted, fenced, or read before it is committed;
- let two things happen at once: shards turn in the order of their numbers, then processes beside them read;
- let time pass: the wall clock stands still until `pass_time`, also while something is computed;
- grow old: nothing is deleted or compacted, no record is too large, a topic need not be created;
- share work: there is one worker, which holds all partitions for good, pauses no source and tells no lag.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Final

from aiokafka.structs import ConsumerRecord

from agents.settings import Settings
from agents.transport.applier import ApplierFactory, Output, Turn
from agents.transport.positions import POSITION_KEY, Position
from agents.transport.restore import Restored
from agents.transport.shard import Shard
from streams.topology import TOPICS, topic_name

Reader = Callable[[ConsumerRecord], list[Output]]  # a process outside the shards: a model worker, a delivery channel
Where = tuple[str, int]  # topic, partition
Headers = Sequence[tuple[str, bytes]]

SOURCES: Final = tuple(topic.noun for topic in TOPICS if topic.source)
UNHURRIED_MS: Final = 86_400_000  # of a turn: its length does not depend on how fast the machine is


class MemoryStream:
    """A deployment: a log, its shards, and the processes around them."""

    def __init__(self, settings: Settings, factory: ApplierFactory) -> None:
        """Prepare a log in which nothing is, and its shards; `factory` makes the applier of each."""
        self.log: Final[dict[Where, list[ConsumerRecord[bytes, bytes]]]] = defaultdict(list)
        self.wall = 0
        self._settings: Final = settings
        self._factory: Final = factory
        self._readers: dict[str, Reader] = {}
        self._read: dict[Where, int] = defaultdict(int)  # by readers
        self._control: Final = {self._name(topic.noun) for topic in TOPICS if topic.control}
        self._shards: Final = [self._opened(number) for number in range(settings.partitions)]

    def attach(self, noun: str, model: str, read: Reader) -> None:
        """Let a process outside the shards read a topic."""
        self._readers[self._name(noun, model)] = read

    def append(self, output: Output, partition: int = 0) -> None:
        """Write one record; `partition` is for those that name none."""
        topic, explicit, key, value, headers = output
        self._write((topic, partition if explicit is None else explicit), key, value, headers)

    def send(
        self, noun: str, key: bytes | None, value: bytes | None, partition: int = 0, headers: Headers = ()
    ) -> None:
        """Produce one record as somebody outside would."""
        self._write((self._name(noun), partition), key, value, headers)

    def records(self, noun: str, model: str = "") -> list[ConsumerRecord[bytes, bytes]]:
        """Return all records of a topic, partition by partition."""
        name = self._name(noun, model)
        return [record for place in sorted(self.log) if place[0] == name for record in self.log[place]]

    def run(self) -> None:
        """Go on until every source is read as far as its shard takes it, and every process has answered."""
        while self._move():
            pass

    def pass_time(self, ms: int) -> None:
        """Let time pass on the wall clock, and what it brings about happen."""
        self.wall += ms
        self.run()

    def wake_at(self) -> int | None:
        """Return the wall time at which the first shard has something to do by itself."""
        return min((shard.wake_at for shard in self._shards if shard.wake_at is not None), default=None)

    def restart(self, partition: int) -> None:
        """Let a shard go on from its changelog alone."""
        self._shards[partition] = self._opened(partition)

    def _opened(self, number: int) -> Shard:
        settings, changelog = self._settings, self._name("changelog")
        restored = Restored()
        restored.replay(self.log[changelog, number])
        restored.find_position(f"{changelog}/{number}")
        new = Position(partitions=settings.partitions, mode=settings.mode, namespace=settings.namespace)
        chunk_max = 1 if settings.lockstep else settings.chunk_max
        shard = Shard(settings.namespace, number, SOURCES, chunk_max=chunk_max, turn_ms_max=UNHURRIED_MS)
        shard.restore(restored.position or new, dict.fromkeys(shard.sources, 0))
        applier = self._factory(number, restored.rows, shard.position.step)
        shard.begin(applier, _Ledger(self, number, shard))
        return shard

    def _name(self, noun: str, model: str = "") -> str:
        return topic_name(self._settings.namespace, noun, model)

    def _write(self, place: Where, key: bytes | None, value: bytes | None, headers: Headers) -> None:
        offset, sizes = len(self.log[place]), (len(key or b""), len(value or b""))
        record = ConsumerRecord(*place, offset, self.wall, 0, key, value, None, *sizes, tuple(headers))
        self.log[place].append(record)

    def _move(self) -> bool:
        """Let every shard take all the turns that it can, then every process read; tell whether anything happened."""
        moved = False
        for number, shard in enumerate(self._shards):
            self._offer(number, shard)
            while shard.turn(self.wall) is not None:
                moved = True
                self._offer(number, shard)
        for topic, read in self._readers.items():
            for place in [place for place in self.log if place[0] == topic]:
                for record in self.log[place][self._read[place] :]:
                    self._read[place] += 1
                    moved = True
                    for output in read(record):
                        self.append(output)
        return moved

    def _offer(self, number: int, shard: Shard) -> None:
        for topic, source in shard.sources.items():
            records = self.log[topic, 0 if topic in self._control else number][source.next_offset :]
            if records:
                source.offer(records)


class _Ledger:
    """A committer for which every turn is a transaction of its own, committed at once."""

    def __init__(self, stream: MemoryStream, partition: int, shard: Shard) -> None:
        self._stream: Final = stream
        self._partition: Final = partition
        self._shard: Final = shard

    def has_room(self) -> bool:
        """Tell whether another turn may be added."""
        return True

    async def drain(self) -> None:
        """Return at once: nothing that was added waits."""

    async def stop(self) -> None:
        """Return at once: nothing is held."""

    def add(self, turn: Turn, _now: int) -> None:
        """Write outputs, changed rows and position."""
        for output in turn.outputs:
            self._stream.append(output, self._partition)
        snapshot = self._shard.snapshot()
        for key, row in {**turn.changes, POSITION_KEY: snapshot.record}.items():
            self._stream.send("changelog", key, row, self._partition)
