"""A deployment under everything that may happen to it: two workers, two shards, and all that stands around them.

A happening is a word and a number; what it does to a world follows from both and from the world. So a script of them
plays the same way every time, and what is left of it when some are dropped is a script too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from aiokafka import TopicPartition

from agents.codecs.avro import DECODERS
from agents.transport.positions import POSITION_KEY, Position, decode_position
from streams.topology import BY_NOUN, topic_name
from tests.builders import DAY_MS, HOUR_MS, NOW
from tests.shard import WALL
from tests.simulation.dice import Dice
from tests.simulation.group import NAMES, Group
from tests.simulation.log import Log, Record
from tests.simulation.loop import Clock
from tests.simulation.network import Call, Network
from tests.simulation.outside import Outside
from tests.simulation.post import Post
from tests.simulation.worker import PARTITIONS

HISTORY: Final = "history"
LIVE: Final = "live"
REST_ROUNDS_MAX: Final = 2_000  # a world that is left alone is done long before
TIMER_MS: Final = 300  # longer than any of the transport that something waits for


class Happening(NamedTuple):
    """One thing that happens."""

    what: str
    number: int


class World:
    """A deployment and its surroundings."""

    def __init__(self, mode: str, tell: Callable[[str], None] = lambda _: None) -> None:
        self.clock: Final = Clock(NOW if mode == LIVE else WALL)
        self.log: Final = Log(self.clock)
        self.network: Final = Network(self.clock)
        self.outside: Final = Outside(Post(self.log, self.clock, is_live=mode == LIVE))
        self.group: Final = Group(mode, self.log, self.network, tell)
        self.counted: Final = self.group.counted  # how often what happened
        self._tell: Final = tell
        producers, serving, delivering = self.outside.producers, self.outside.serving, self.outside.delivering
        self._happen: Final[dict[str, Callable[[Dice], str]]] = {
            "go": self._go, "fetch": self._fetch, "wait": self._wait, "compact": self._compact,
            "lose": self._lose, "mute": self._mute, "crash": self._crash, "freeze": self._freeze, "thaw": self._thaw,
            "rebalance": self._rebalance, "pause": self._pause, "fact": producers.fact, "repeat": producers.repeat,
            "poison": producers.poison, "tick": producers.keep_up, "serve": serving.serve, "stall": serving.stall,
            "deliver": delivering.deliver, "publish": self.outside.publish, "learn": self.outside.learn,
        }  # fmt: skip

    def open(self) -> None:
        """Begin: everybody is there, and knows policy, models and people."""
        self.outside.open()
        self.rest()

    def happen(self, happening: Happening) -> None:
        """Let one thing happen, and everybody react to it."""
        came = self._happen[happening.what](Dice(happening.number))
        self._tell(f"{happening.what:10}{came}")
        self.group.settle()

    def rest(self) -> None:
        """Go on without faults until nothing is left to do."""
        self._thaw()
        quiet = 0
        for _ in range(REST_ROUNDS_MAX):
            quiet = 0 if self._advance() else quiet + 1
            if quiet == 2:
                return
            if quiet:
                self._pass(TIMER_MS)
        raise AssertionError(f"the world does not come to rest: {[call.what for call in self.network.calls]}")

    def finish(self) -> None:
        """Let all that is under way end, and every window close."""
        self.rest()
        for ms in (2 * HOUR_MS, 60 * DAY_MS):
            self._leave_alone(ms)

    def close(self) -> None:
        """End every worker; what was said stays."""
        self.group.close()

    # what is read off it

    def said(self, name: str) -> list[tuple[Record, Any]]:
        """Return what is committed on a topic (`decisions`, `retraining.lapse`), decoded, partition by partition."""
        noun, _, model = name.partition(".")
        decode, topic = DECODERS[BY_NOUN[noun].schema], topic_name("continuo", noun, model)
        places = [TopicPartition(topic, number) for number in range(1 if BY_NOUN[noun].control else PARTITIONS)]
        return [(record, decode(record.value)) for place in places for record in self.log.committed(place)]

    def changelog(self, number: int) -> tuple[dict[bytes, bytes], Position]:
        """Return the rows and the position that a shard's changelog says."""
        rows: dict[bytes, bytes] = {}
        for record in self.log.committed(TopicPartition(topic_name("continuo", "changelog"), number)):
            if record.value is None:
                rows.pop(record.key, None)
            else:
                rows[record.key] = record.value
        return rows, decode_position(rows.pop(POSITION_KEY))

    # what happens

    def _go(self, dice: Dice) -> str:
        """Let some requests arrive and be answered; where none is on its way, a little time passes."""
        told = []
        markers_percent = dice.one_of((2, 10, 50))  # how fast markers follow
        for _ in range(1 + dice.roll(16)):
            arriving = self.network.arriving()
            if self.log.markers and (not arriving or dice.is_in(markers_percent)):
                self.log.mark(dice.roll(len(self.log.markers)))
            elif arriving:
                call = dice.one_of(arriving)
                self.network.carry_out(call)
                self.group.settle()
                told.append(str(call))
            else:
                self._pass(20)
        return ", ".join(told)

    def _fetch(self, dice: Dice) -> str:
        """Let a worker fetch from some of its sources, and have what came, mostly."""
        fetching = self.group.fetching()
        if not fetching:
            return "by nobody"
        worker = dice.one_of(fetching)
        if not worker.sources():
            worker.hand_over()
            return f"0 by {worker.name}, which has some left"
        count, is_late = 0, dice.is_in(25)
        for _ in range(1 + dice.roll(8)):
            count += worker.fetch(dice.roll(8), 1 + dice.roll(4))
            if not is_late:
                worker.hand_over()
        self.counted["fetched by a zombie"] += count * (worker in self.group.zombies())
        return f"{count} by {worker.name}"

    def _wait(self, dice: Dice) -> str:
        """Let time pass; processes are started, and join the group."""
        self._pass(dice.one_of((5, 60, 60, 300, 1_000, 4_000)))
        self.group.settle()
        if not dice.is_in(30):
            self.group.start()
        return f"until {self.clock.ms} {self.group.welcome(dice)}"

    def _compact(self, dice: Dice) -> str:
        number = dice.roll(PARTITIONS)
        self.log.compact(TopicPartition(topic_name("continuo", "changelog"), number))
        return str(number)

    def _lose(self, dice: Dice) -> str:
        """Let a request get lost; its sender learns that nobody answered."""
        return self._fail(dice, "requests lost", self.network.lose)

    def _mute(self, dice: Dice) -> str:
        """Let a request arrive whose answer gets lost."""
        return self._fail(dice, "answers lost", lambda call: self.network.carry_out(call, is_answered=False))

    def _fail(self, dice: Dice, how: str, fail: Callable[[Call], None]) -> str:
        arriving = self.network.arriving()
        if not arriving:
            return "nothing"
        call = dice.one_of(arriving)
        fail(call)
        self.counted[how] += 1
        return str(call)

    def _crash(self, dice: Dice) -> str:
        """Let a worker end between two steps; what it has sent arrives, or not."""
        worker = self.group.workers.get(dice.one_of(NAMES))
        if worker is None:
            return "nobody"
        self.counted["crashes"] += 1
        self.counted["crashes while taking over"] += worker.is_rejoining
        self.counted["crashes before all is committed"] += worker.is_dirty()
        self.group.bury(worker)
        if dice.is_in(50):
            for call in [call for call in self.network.calls if call.line is worker.line]:
                self.network.lose(call)
        return worker.name

    def _freeze(self, dice: Dice) -> str:
        worker = self.group.workers.get(dice.one_of(NAMES))
        if worker is None:
            return "nobody"
        worker.line.is_frozen = True
        return worker.name

    def _thaw(self, _: Dice | None = None) -> str:
        for worker in self.group.workers.values():
            worker.line.thaw()
        self.group.pass_time()
        return "all"

    def _rebalance(self, dice: Dice) -> str:
        return self.group.rebalance(dice, forgetting=40)

    def _pause(self, _: Dice) -> str:
        """Let twenty days pass in which nothing happens."""
        self.rest()
        self._leave_alone(20 * DAY_MS)
        return f"until {self.clock.ms}"

    # how it goes on

    def _pass(self, ms: int) -> None:
        self.clock.ms += ms
        self.log.expire()
        self.outside.serving.beat()
        self.group.pass_time()

    def _leave_alone(self, ms: int) -> None:
        self.outside.producers.pause(ms)
        self._pass(0)
        self.rest()

    def _advance(self) -> bool:
        """Let everybody do all that can be done now; tell whether anything was."""
        moved = self.group.gather()
        self.group.settle()
        while self.log.markers:
            self.log.mark(0)
            moved = True
        while arriving := self.network.arriving():
            for call in arriving:
                if call in self.network.calls:
                    self.network.carry_out(call)
            self.group.settle()
            moved = True
        for worker in self.group.workers.values():
            for number in range(worker.sources()):
                moved |= worker.fetch(number, 4) > 0
            while worker.hand_over():
                moved = True
        self.group.settle()
        return moved | self.outside.serving.serve_all() | self.outside.delivering.deliver_all()
