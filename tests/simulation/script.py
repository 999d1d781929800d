"""Scripts: what happens to a world, as data, from a seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

from tests.simulation.world import HISTORY, LIVE, Happening, World

LENGTH: Final = 140
WEIGHTS: Final = {
    "go": 60, "fetch": 40, "fact": 28, "wait": 24, "serve": 16, "deliver": 5, "repeat": 4, "poison": 3, "rebalance": 4,
    "thaw": 4, "crash": 2, "freeze": 1, "lose": 1, "mute": 1, "compact": 1, "stall": 1, "tick": 1, "publish": 1,
    "learn": 1,
}  # fmt: skip
FACTS: Final = frozenset({"fact", "repeat", "poison", "pause"})  # what is told; all else is how it comes about
PAUSED: Final = 8  # in one of so many scripts there is a long pause
COMPARED: Final = 10  # one of so many is compared with a world without faults


@dataclass(frozen=True)
class Script:
    """What happens to a world of this mode."""

    mode: str
    happenings: tuple[Happening, ...]
    is_compared: bool = False  # in a history only: when live, what is known depends on when it came

    def keeping(self, happenings: Iterable[Happening]) -> Script:
        """Return the script of these happenings."""
        return replace(self, happenings=tuple(happenings))

    def calm(self) -> Script:
        """Return the script in which the same is told and nothing goes wrong."""
        return self.keeping(one for one in self.happenings if one.what in FACTS)


def draw(seed: int) -> Script:
    """Return the script of a seed."""
    chance = random.Random(seed)
    words = chance.choices(list(WEIGHTS), list(WEIGHTS.values()), k=LENGTH)
    if seed % PAUSED == 0:
        words[chance.randrange(LENGTH // 2, LENGTH)] = "pause"
    happenings = tuple(Happening(word, chance.randrange(10_000)) for word in words)
    return Script((HISTORY, LIVE)[seed % 2], happenings, is_compared=seed % COMPARED == 0)


@contextmanager
def played(script: Script, tell: Callable[[str], None] = lambda _: None) -> Iterator[World]:
    """Play a script to its end; yield the world at rest."""
    world = World(script.mode, tell)
    try:
        world.open()
        for happening in script.happenings:
            world.happen(happening)
        world.finish()
        yield world
    finally:
        world.close()
