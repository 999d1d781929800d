"""The applier of a shard: Kafka records in, Kafka records and changed rows out, through the one driver.

Theory of operation.  Records are decoded and applied one by one; what they change is flushed once at the end of the
turn.  If applying one fails, everything since the last flush is taken back and applied again up to the failing record
(or timer), which becomes a dead letter; then follows a flush, so that a flood of failing records costs each good one at
most one repetition.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

from aiokafka import ConsumerRecord

from agents.codecs.errors import RowUnreadable, Undecodable
from agents.transport.applier import Output as KafkaOutput
from agents.transport.applier import Turn, WorkerStop
from agents.turn import Encoder
from streams.inputs import DueInput, Input, Original, Output, RefusedInput
from streams.records import Origin
from streams.state import Changes
from streams.step import Step

Record: TypeAlias = ConsumerRecord[bytes, bytes]
Decode = Callable[[Record], list[Input]]  # raises Undecodable
Report = Callable[[Step], None]  # takes what was counted since the last time

ROUNDS_OPEN_MAX: Final = 200  # a shard takes no more events while as many rounds wait for models
EVENTS: Final = (".raw-events.v1", ".routed-events.v1")
ERRORS_OF: Final = 1_000  # a minute's records of which...
ERRORS_SHARE: Final = 0.2  # ...more than this share may not fail inside a stage
MINUTE_MS: Final = 60_000
EXIT_POISONED: Final = 78


class StageFailures:
    """How many records failed inside a stage in the last minute, and whether that is too many to go on."""

    def __init__(self) -> None:
        self._turns: deque[tuple[int, int, int]] = deque()  # wall, records, failures
        self._records = 0
        self._failures = 0

    def note(self, wall: int, records: int, failures: int) -> None:
        """Note a turn; raises WorkerStop when more than a fifth of at least 1,000 records in a minute failed."""
        self._turns.append((wall, records, failures))
        self._records += records
        self._failures += failures
        while self._turns[0][0] < wall - MINUTE_MS:
            _, passed, failed = self._turns.popleft()
            self._records -= passed
            self._failures -= failed
        if self._records >= ERRORS_OF and self._failures > self._records * ERRORS_SHARE:
            raise WorkerStop(
                f"{self._failures} of {self._records} records in a minute failed inside a stage: a bad deploy, not bad "
                "records; nothing of this turn is committed",
                EXIT_POISONED,
            )


class ShardApplier:
    """Applies the records of one shard's sources."""

    def __init__(
        self,
        driver: Step,
        encoder: Encoder,
        decoders: Mapping[str, Decode],
        report: Report,
        *,
        rounds_open_max: int = ROUNDS_OPEN_MAX,
    ) -> None:
        self.driver: Final = driver
        self._encoder: Final = encoder
        self._decoders: Final = decoders  # by full topic name
        self._report: Final = report
        self._rounds_open_max: Final = rounds_open_max
        self._stage_failures: Final = StageFailures()
        self._failed = 0  # in this turn
        self._outputs: list[KafkaOutput] = []
        self._changes: Changes = {}
        self._applied: list[tuple[Input, int]] = []  # since the last flush
        self._flushed_outputs = 0
        self._flushed_step = driver.out.step

    @property
    def step(self) -> int:
        """The last step's number."""
        return self.driver.out.step

    def is_full(self) -> bool:
        """Tell whether the shard takes no events for now.

        Rounds wait for their models, there is no policy yet, or a barrier of lockstep is shut.
        """
        state, barriers = self.driver.state, self.driver.clock.barriers
        if state.rounds_open >= self._rounds_open_max or not state.shard.policy_hash:
            return True
        return barriers is not None and barriers.is_shut()

    def wake_at(self) -> int | None:
        """Return the wall time, in ms, of the next timer."""
        return self.driver.wake_at()

    def take(self, topic: str, records: Sequence[Record], now: int) -> Turn:
        """Apply records of one source, as many as may be; `now` is the wall clock, in ms."""
        decode = self._decoders[topic]
        is_event = topic.endswith(EVENTS)
        taken = 0
        for record in records:
            if is_event and self.is_full():
                break
            is_taken = True
            for given in self._decoded(decode, record, is_event=is_event):
                is_taken = self._attempt(given, record, now, is_event=is_event)
            if not is_taken:
                break
            taken += 1
        return self._turn(taken, now)

    def fire(self, now: int) -> Turn:
        """Fire the timers of the wall clock that are due."""
        while (due := self.driver.wake_at()) is not None and due <= now:
            self._attempt(DueInput(), None, now, is_event=False)
        return self._turn(0, now)

    def _decoded(self, decode: Decode, record: Record, *, is_event: bool) -> list[Input]:
        """Return the inputs that a record is; bytes that are no record of their topic are an input too."""
        try:
            return decode(record)
        except Undecodable as error:
            return [RefusedInput(error.cause, error.detail, original(record), is_event)]
        except Exception as error:  # noqa: BLE001  # one bad record is one dead letter, whatever is wrong with it
            self._bury(None, record, error, is_event=is_event)
            return []

    def _attempt(self, given: Input, record: Record | None, now: int, *, is_event: bool) -> bool:
        """Apply an input with the timers that it passes; what fails is buried alone, and the rest goes on.

        False if lockstep holds the input, which is then to be offered again.
        """
        is_applied = False
        while not is_applied:
            try:
                self._apply(given, now)
            except RowUnreadable as error:
                raise WorkerStop(f"{error}: this version cannot go on from this state", EXIT_POISONED) from error
            except Exception as error:  # the same for one on which a stage fails
                due = self.driver.firing
                self._take_back()
                if due is not None:
                    self._keep(self.driver.bury_timer(due, _cause(error), str(error)))
                    self._flush(now)
                    self._failed += 1
                elif record is None:
                    raise  # neither a timer nor a record: a bug
                else:
                    self._bury(given, record, error, is_event=is_event)
                is_applied = due is None
            else:
                is_applied = self.driver.firing is None or self.driver.held
            is_applied = is_applied or record is None  # nothing but a timer: the caller asks for the next one
        return not self.driver.held

    def _apply(self, given: Input, now: int) -> None:
        self._keep(self.driver.apply(given, now))
        self._applied.append((given, now))

    def _keep(self, outputs: list[Output]) -> None:
        for output in outputs:
            encoded = self._encoder.encode(output)
            if encoded is not None:
                self._outputs.append(encoded)

    def _take_back(self) -> None:
        """Take back what was applied since the last flush, and apply it again without what failed."""
        again, self._applied = self._applied, []
        self.driver.state.rewind()
        self.driver.out.rewind(self._flushed_step)
        self._encoder.forget()
        del self._outputs[self._flushed_outputs :]
        for given, wall in again:
            self._apply(given, wall)

    def _bury(self, given: Input | None, record: Record, error: Exception, *, is_event: bool) -> None:
        """Make a record a dead letter on which a stage failed, or its decoder."""
        self._keep(self.driver.bury(given, original(record), _cause(error), str(error), is_event=is_event))
        self._flush(record.timestamp)
        self._failed += 1

    def _flush(self, now: int) -> None:
        self._outputs += self._encoder.batches(self.driver.out.step, now)
        self._changes.update(self.driver.state.flush())
        self._applied = []
        self._flushed_outputs = len(self._outputs)
        self._flushed_step = self.driver.out.step
        self._report(self.driver)
        self.driver.out.clear()

    def _turn(self, taken: int, now: int) -> Turn:
        self._flush(now)
        failed, self._failed = self._failed, 0
        self._stage_failures.note(now, max(taken, failed), failed)
        turn = Turn(self._outputs, self._changes, taken, self.driver.out.step)
        self._outputs, self._changes, self._flushed_outputs = [], {}, 0
        return turn


def original(record: Record) -> Original:
    """Return the record as the dead letter keeps it."""
    place = Origin(record.topic, record.partition, record.offset, record.timestamp)
    # Kafka has headers without a value; a dead letter says an empty one.
    headers = [(name, b"" if value is None else value) for name, value in record.headers]
    return Original(place, record.key, record.value, headers)


def _cause(error: Exception) -> str:
    return f"internal_error:{type(error).__name__}"
