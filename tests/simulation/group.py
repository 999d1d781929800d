"""The worker processes, those who start them again, and a consumer group that may be wrong about who lives.

A rebalance has two phases: its members commit and join, and what they commit until then is of the old generation; when
all have joined, the new one begins. A member that the group has forgotten is a zombie: it goes on with what it held
until it is refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import count
from typing import Final

from aiokafka.errors import IllegalGenerationError, ProducerFenced, UnknownMemberIdError

from agents.transport.shard import Shard
from tests.simulation.dice import Dice
from tests.simulation.log import Log
from tests.simulation.network import Network
from tests.simulation.worker import PARTITIONS, Assigned, Worker, settings_of

NAMES: Final = ("w0", "w1")


class Group:
    """All workers of a deployment."""

    def __init__(self, mode: str, log: Log, network: Network, tell: Callable[[str], None]) -> None:
        self.workers: Final[dict[str, Worker]] = {}
        self.counted: Final[Counter[str]] = Counter()
        self.ends: Final[list[str]] = []  # of processes, where they were not in order
        self.generation = 0
        self._joining: list[Worker] = []  # those whom the next generation waits for
        self._dice = Dice(0)
        self._births: Final = count(1)
        self._log: Final = log
        self._network: Final = network
        self._settings: Final = settings_of(mode)
        self._tell: Final = tell

    def settle(self) -> None:
        """Let every worker go on until it waits, and bury those that have ended."""
        for worker in list(self.workers.values()):
            if worker.loop.is_ready() and not worker.line.is_frozen:
                worker.loop.run()
                if worker.end is not None:
                    self._count_end(worker)
                    self.bury(worker)
        self._complete()

    def pass_time(self) -> None:
        """Let every worker see what time it is; one that is frozen sees it later."""
        for worker in self.workers.values():
            if not worker.line.is_frozen:
                worker.loop.fire()
        self.settle()

    def start(self) -> bool:
        """Start every worker that does not run; tell whether there was any."""
        dead = [name for name in NAMES if name not in self.workers]
        for name in dead:
            self.workers[name] = Worker(name, next(self._births), self._log, self._network, self._settings)
        return bool(dead)

    def welcome(self, dice: Dice) -> str:
        """Begin a generation if somebody has come up that the group does not know."""
        newcomers = [one.name for one in self.workers.values() if one.is_up and one.generation < 0]
        return self.rebalance(dice, forgetting=10) if newcomers and not self.is_rebalancing() else ""

    def is_rebalancing(self) -> bool:
        """Tell whether a member is on its way into the generation; one that waits, and was forgotten, is not."""
        rejoining = [one for one in self.workers.values() if one.is_rejoining and not one.line.is_frozen]
        return any(one.assigned is None or one in self._joining for one in rejoining)

    def rebalance(self, dice: Dice, forgetting: int) -> str:
        """Ask those that are up to join a new generation, of whom so many percent are forgotten."""
        reachable = [one for one in self.workers.values() if one.is_up and not one.line.is_frozen]
        members = [one for one in reachable if not dice.is_in(forgetting)]
        if not members:
            return "nobody is there"
        known = {str(one.id) for one in members}
        for forgotten in self._log.members.keys() - known:
            del self._log.members[forgotten]
        self._joining, self._dice = members, dice
        for one in members:
            one.rejoin()
        return f"{', '.join(one.name for one in members)} are to join generation {self.generation + 1}"

    def _complete(self) -> None:
        """Begin the generation when all who can have joined it; whoever stands still is forgotten."""
        joining = [one for one in self._joining if one.name in self.workers and self.workers[one.name] is one]
        joined = [one for one in joining if one.assigned is not None]
        if not joined or any(one.assigned is None and not one.line.is_frozen for one in joining):
            return
        self._joining = []
        self.generation += 1
        held: dict[str, set[int]] = {one.name: set() for one in joined}
        for number in range(PARTITIONS):
            held[self._dice.one_of(joined).name].add(number)
        self._log.members.clear()
        living = [one.shards.id for one in joined]
        for one in joined:
            self._log.members[str(one.id)] = self.generation
            assert one.assigned is not None
            one.assigned.set_result(Assigned(frozenset(held[one.name]), self.generation, living))
        self._tell(f"  generation {self.generation}: {held}")
        self.settle()

    def gather(self) -> bool:
        """Bring every worker into one generation; tell whether anything was to be done."""
        moved = self.start()
        up = [one for one in self.workers.values() if one.is_up]
        if len(up) < len(NAMES) or self.is_rebalancing() or all(one.generation == self.generation for one in up):
            return moved
        self.rebalance(Dice(self.generation), forgetting=0)
        return True

    def bury(self, worker: Worker) -> None:
        """Take a worker away."""
        del self.workers[worker.name]
        worker.bury()

    def close(self) -> None:
        """Take every worker away."""
        for worker in list(self.workers.values()):
            self.bury(worker)

    def fetching(self) -> list[Worker]:
        """Return those that fetch now, or have what they have fetched before."""
        return [one for one in self.workers.values() if one.sources() or one.has_fetched()]

    def zombies(self) -> list[Worker]:
        """Return those that hold shards which the group has given to others."""
        return [one for one in self.workers.values() if 0 <= one.generation < self.generation and one.partitions]

    def shards(self) -> dict[int, Shard]:
        """Return the shards that the group has given out, by number."""
        members = [one for one in self.workers.values() if one.generation == self.generation]
        return {number: shard for one in members for number, shard in one.shards.shards.items()}

    def _count_end(self, worker: Worker) -> None:
        end = worker.end
        assert end is not None
        self._tell(f"  {worker.name} ends: {end}")
        refused = isinstance(end.cause, (ProducerFenced, IllegalGenerationError, UnknownMemberIdError))
        self.counted["refused" if refused else "ended"] += 1
        if not end.is_in_order:
            self.ends.append(f"{worker.name}: {end}")
