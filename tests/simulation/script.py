"""What producers tell a simulated deployment: lives of a few people, with repeats, detours and poison, from a seed."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any, Final

from agents.codecs.avro import ENCODERS
from streams.partition import partition_of
from streams.records import RawEvent
from tests.builders import DAY_MS, HOUR_MS, NOW, small_policy
from tests.models import weighted
from tests.shard import raw
from tests.simulation.world import PARTITIONS, World

PEOPLE: Final = 9
EVENTS: Final = 150
PAUSE_AT: Final = 100  # after so many events nothing happens for twenty days
INPUTS: Final = {
    "next_purchase": ["bought_28d.bread", "bought_28d.soup", "baskets_28d"], "lapse": ["recency_d", "baskets_28d"],
}  # fmt: skip


@dataclass
class Expected:
    """What must come of it, whatever happens on the way."""

    accepted: dict[tuple[str, str], str] = field(default_factory=dict)  # (source, event_id) -> profile_id
    refused: dict[bytes | None, str] = field(default_factory=dict)  # value -> cause
    repeats: int = 0


def policy(**sections: Any) -> dict[str, Any]:
    """Return the small policy with a real holdout and more exploration."""
    mixed = {"holdout": {"share": 0.25, "seed": "s"}, "exploration": {"epsilon": 0.3, "delta": 2.0, "salt": "s"}}
    return small_policy(**mixed | sections)


class Script:
    """Tells a world of events, a few at a time."""

    def __init__(self, world: World, seed: int) -> None:
        self.expected: Final = Expected()
        self._world: Final = world
        self._chance: Final = random.Random(seed)  # its own: the events are the same whatever else happens
        self._told = 0
        self._at = NOW
        self._recent: list[RawEvent] = []

    def open(self) -> None:
        """Begin: models, the clock, and aliases of the people."""
        for name, inputs in INPUTS.items():
            self._world.learn(weighted(name, inputs, ["bread", "soup"] if name == "next_purchase" else ()))
        self._world.tick(NOW)
        for number in range(3):
            linked = {"canonical_profile_id": f"p{number}"}
            self._tell(raw("identity_linked", NOW, profile_id=f"c{number}", event_id=f"l{number}", properties=linked))

    def tell(self) -> bool:
        """Tell of one more event; False when all is told."""
        if self._told >= EVENTS:
            return False
        self._told += 1
        self._at += self._chance.randrange(HOUR_MS // 3)  # so that no repeat takes a day on its way
        if self._told == PAUSE_AT:
            self._at += 20 * DAY_MS
            self._recent = []  # what comes again a day later is a new fact
            self._world.rest()
            self._world.tick(self._at)
            self._world.rest()
            for name, inputs in INPUTS.items():
                keys = ["bread", "soup"] if name == "next_purchase" else ()
                self._world.learn(weighted(name, inputs, keys, name="v2", until=self._at + HOUR_MS, slope=0.9))
            self._world.publish(policy(contexts=[]))
        kind = self._chance.choices(("live", "repeat", "poison"), (84, 10, 6))[0]
        if kind == "repeat" and self._recent:
            self.expected.repeats += 1
            self._send(self._chance.choice(self._recent))
        elif kind == "poison":
            self._poison()
        else:
            self._live()
        return True

    def _live(self) -> None:
        name = f"p{self._chance.randrange(PEOPLE)}"
        alias = f"c{name[1:]}" if name < "p3" and self._chance.random() < 0.3 else name
        kind = self._chance.choice(("basket_completed", "basket_completed", "product_purchased"))
        at = max(NOW, self._at - self._chance.choice((0, 0, 0, HOUR_MS)))  # some facts come late
        consent = {"email": True} if self._chance.random() < 0.3 else None
        self._tell(raw(kind, at, profile_id=alias, event_id=f"e{self._told}", consent=consent), name)

    def _tell(self, event: RawEvent, owner: str = "") -> None:
        self.expected.accepted[event.source, event.event_id] = owner or event.profile_id
        self._recent = [*self._recent[-5:], event]
        self._send(event)

    def _send(self, event: RawEvent) -> None:
        home = partition_of(event.profile_id, PARTITIONS)
        self._world.tell(event, self._chance.randrange(PARTITIONS) if self._chance.random() < 0.2 else home)

    def _poison(self) -> None:
        mark = f"x{self._told}"
        made: dict[str, RawEvent | bytes | None] = {
            "undecodable:magic": b"\x07" + mark.encode(),
            "undecodable:json": b"{" + mark.encode(),
            "missing:profile_id": raw(event_id=mark, profile_id=""),
            "unknown_event_type": raw("dreamt", event_id=mark),
            "missing:amount": raw(event_id=mark, properties={"basket_id": "b"}),
            "mistyped:amount": raw(event_id=mark, properties={"basket_id": "b", "amount": mark}),
            "future_time": raw(event_id=mark, at=self._at + 90 * DAY_MS),
        }
        cause = self._chance.choice(list(made))
        poison = made[cause]
        value = ENCODERS["raw_event"](poison) if isinstance(poison, RawEvent) else poison
        self.expected.refused[value] = cause
        self._world.send("raw-events", b"any", value, self._chance.randrange(PARTITIONS))


def play(seed: int, *, faults: bool = True) -> tuple[World, Expected]:
    """Play a whole script from a seed; return the world at rest, and what is expected of it."""
    world = World(seed, policy())
    world.faults = faults
    script = Script(world, seed)
    script.open()
    world.rest()
    while script.tell():
        while world.backlog() > 12 or world.chance.random() < 0.8:
            world.happen()
    world.rest()
    world.tick(NOW + 60 * DAY_MS)
    world.rest()
    return world, script.expected
