"""The applier of a shard: Kafka records in, Kafka records and changed rows out, through the one driver.

Theory of operation.  Records are decoded and applied one by one; what they change is flushed once at the end of the turn.  If applying one
fails, everything since the last flush is taken back and applied again up to the failing record, which becomes a dead letter; then follows a
flush, so that a flood of failing records costs each good one at most one repetition.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from aiokafka import ConsumerRecord

from agents.transport.applier import Turn, WorkerStop
from agents.transport.applier import Output as KafkaOutput
from agents.turn import Encoder
from streams.inputs import DueInput, Input, Original
from streams.records import Origin
from streams.state import Changes
from streams.step import Step

Decode = Callable[[ConsumerRecord], list[Input]]
Report = Callable[[dict[tuple[str, ...], int]], None]  # takes what a turn counted

ROUNDS_OPEN_MAX: Final = 200  # a shard takes no more events while as many rounds wait for models
ERRORS_OF: Final = 1_000  # a minute's records of which...
ERRORS_SHARE: Final = 0.2  # ...more than this share may not fail inside a stage
MINUTE_MS: Final = 60_000
EXIT_POISONED: Final = 78


class StageFailures:
    """How many records failed inside a stage in the last minute, and whether that is too many to go on."""

    def __init__(self) -> None:
        self._turns: deque[tuple[int, int, int]] = deque()  # wall, records, failures

    def note(self, wall: int, records: int, failures: int) -> None:
        """Note a turn; raises WorkerStop when more than a fifth of at least 1,000 records in a minute failed."""
        self._turns.append((wall, records, failures))
        while self._turns[0][0] < wall - MINUTE_MS:
            self._turns.popleft()
        total = sum(turn[1] for turn in self._turns)
        failed = sum(turn[2] for turn in self._turns)
        if total >= ERRORS_OF and failed > total * ERRORS_SHARE:
            message = f"{failed} of {total} records in a minute failed inside a stage: a bad deploy, not bad records"
            raise WorkerStop(message, EXIT_POISONED)


class ShardApplier:
    """Applies the records of one shard's sources."""

    def __init__(
        self, step: Step, encoder: Encoder, decoders: Mapping[str, Decode], report: Report, *, rounds_open_max: int = ROUNDS_OPEN_MAX
    ) -> None:  # fmt: skip
        self.driver: Final = step
        self._encoder: Final = encoder
        self._decoders: Final = decoders  # by full topic name
        self._report: Final = report
        self._rounds_open_max: Final = rounds_open_max
        self._failures: Final = StageFailures()
        self._outputs: list[KafkaOutput] = []
        self._changes: Changes = {}
        self._applied: list[tuple[Input, int]] = []  # since the last flush
        self._flushed_outputs = 0
        self._flushed_step = step.step

    @property
    def step(self) -> int:
        """The last step's number."""
        return self.driver.step

    def is_full(self) -> bool:
        """Tell whether the shard takes no events for now, because rounds wait for their models."""
        return self.driver.state.rounds_open >= self._rounds_open_max

    def wake_at(self) -> int | None:
        """Return the wall time, in ms, of the next timer."""
        return self.driver.wake_at()

    def take(self, topic: str, records: Sequence[ConsumerRecord], now: int) -> Turn:
        """Apply records of one source, as many as may be; `now` is the wall clock, in ms."""
        decode = self._decoders[topic]
        held = topic.endswith(".raw-events.v1") or topic.endswith(".routed-events.v1")
        taken = failed = 0
        for record in records:
            if held and self.is_full():
                break
            taken += 1
            try:
                given = decode(record)
            except Exception as error:  # noqa: BLE001  # one bad record is one dead letter, whatever is wrong with it
                given, failed = [], failed + 1
                self._bury(record, error, now)
            for one in given:
                try:
                    self._apply(one, now)
                except Exception as error:  # noqa: BLE001  # the same for one that a stage fails on
                    failed += 1
                    self._bury(record, error, now)
        self._failures.note(now, taken, failed)
        return self._turn(taken, now)

    def fire(self, now: int) -> Turn:
        """Fire the timers of the wall clock that are due."""
        while (due := self.driver.wake_at()) is not None and due <= now:
            self._apply(DueInput(), now)
        return self._turn(0, now)

    def _apply(self, given: Input, now: int) -> None:
        for output in self.driver.apply(given, now):
            encoded = self._encoder.encode(output)
            if encoded is not None:
                self._outputs.append(encoded)
        self._applied.append((given, now))

    def _bury(self, record: ConsumerRecord, error: Exception, now: int) -> None:
        """Take back what the failing record did; make it a dead letter."""
        again = self._applied
        self.driver.state.rewind()
        self.driver.step = self._flushed_step
        self.driver.tally.clear()
        self._encoder.forget()
        del self._outputs[self._flushed_outputs :]
        self._applied = []
        for given, wall in again:
            self._apply(given, wall)
        for output in self.driver.refuse(original(record), f"internal_error:{type(error).__name__}", str(error)):
            encoded = self._encoder.encode(output)
            if encoded is not None:
                self._outputs.append(encoded)
        self._flush(now)

    def _flush(self, now: int) -> None:
        self._outputs += self._encoder.batches(self.driver.step, now)
        self._changes.update(self.driver.state.flush())
        self._applied = []
        self._flushed_outputs = len(self._outputs)
        self._flushed_step = self.driver.step
        self._report(self.driver.tally)
        self.driver.tally.clear()

    def _turn(self, taken: int, now: int) -> Turn:
        self._flush(now)
        turn = Turn(self._outputs, self._changes, taken, self.driver.step)
        self._outputs, self._changes, self._flushed_outputs = [], {}, 0
        return turn


def original(record: ConsumerRecord) -> Original:
    """Return the record as the dead letter keeps it."""
    place = Origin(record.topic, record.partition, record.offset, record.timestamp)
    return Original(place, record.key, record.value, list(record.headers))
