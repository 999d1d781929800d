"""What producers tell a simulated deployment: facts of a few people, with repeats, detours and poison."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from agents.codecs.avro import ENCODERS
from streams.partition import partition_of
from streams.records import RawEvent, Tick
from tests.builders import DAY_MS, HOUR_MS, NOW
from tests.shard import raw
from tests.simulation.dice import Dice
from tests.simulation.post import Post
from tests.simulation.worker import PARTITIONS

PEOPLE: Final = 5
ALIASED: Final = 2  # of whom so many are also known as somebody else
GAP_MS: Final = HOUR_MS // 3  # between facts of a history, at most: so that no repeat takes a day on its way


@dataclass
class Expected:
    """What must come of what was told, whatever happens on the way."""

    accepted: dict[tuple[str, str], str] = field(default_factory=dict)  # (source, event_id) -> profile_id
    refused: dict[bytes, str] = field(default_factory=dict)  # value -> cause
    repeats: int = 0


class Producers:
    """Those who tell."""

    def __init__(self, post: Post) -> None:
        self.expected: Final = Expected()
        self.told: Final[dict[bytes, RawEvent]] = {}  # by the bytes that say it
        self.at = NOW  # of the newest fact of a history
        self._post: Final = post
        self._count = 0
        self._recent: list[RawEvent] = []  # what may come again

    @property
    def now(self) -> int:
        """The deployment's clock, about."""
        return self._post.clock.ms if self._post.is_live else self.at

    def link(self) -> None:
        """Tell who is also known as whom."""
        for number in range(ALIASED):
            linked = {"canonical_profile_id": f"p{number}"}
            event = raw("identity_linked", NOW, profile_id=f"c{number}", event_id=f"l{number}", properties=linked)
            self._expect(event, event.profile_id)
            self.tell(event, partition_of(event.profile_id, PARTITIONS))

    def fact(self, dice: Dice) -> str:
        """Tell of something that somebody did."""
        self._count += 1
        self.at += dice.roll(GAP_MS)
        number = dice.roll(PEOPLE)
        name = f"p{number}"
        alias = f"c{number}" if number < ALIASED and dice.is_in(30) else name
        kind = dice.one_of(("basket_completed", "basket_completed", "product_purchased"))
        at = max(NOW, self.now - dice.one_of((0, 0, 0, HOUR_MS)))  # some facts come late
        consent = {"email": True} if dice.is_in(30) else None
        event = raw(kind, at, profile_id=alias, event_id=f"e{self._count}", consent=consent)
        self._expect(event, name)
        self.tell(event, self.place(event, dice))
        return f"{kind} {event.event_id} of {alias}"

    def repeat(self, dice: Dice) -> str:
        """Tell again what was told not long ago."""
        if not self._recent:
            return "nothing to repeat"
        event = dice.one_of(self._recent)
        self.expected.repeats += 1
        self.tell(event, self.place(event, dice))
        return f"{event.event_id} again"

    def poison(self, dice: Dice) -> str:
        """Send what is no fact."""
        self._count += 1
        mark, now = f"x{self._count}", self.now
        made: dict[str, RawEvent | bytes] = {
            "undecodable:magic": b"\x07" + mark.encode(),
            "undecodable:json": b"{" + mark.encode(),
            "missing:profile_id": raw(event_id=mark, profile_id="", at=now),
            "unknown_event_type": raw("dreamt", event_id=mark, at=now),
            "missing:amount": raw(event_id=mark, at=now, properties={"basket_id": "b"}),
            "mistyped:amount": raw(event_id=mark, at=now, properties={"basket_id": "b", "amount": mark}),
            "future_time": raw(event_id=mark, at=now + 90 * DAY_MS),
        }
        cause = dice.one_of(list(made))
        poison = made[cause]
        value = ENCODERS["raw_event"](poison) if isinstance(poison, RawEvent) else poison
        self.expected.refused[value] = cause
        self._post.send("raw-events", b"any", value, dice.roll(PARTITIONS))
        return cause

    def tick(self, at: int) -> None:
        """Move the clocks of a history."""
        self.at = max(self.at, at)
        if not self._post.is_live:
            for partition in range(PARTITIONS):
                self._post.send("ticks", None, ENCODERS["tick"](Tick(at)), partition)

    def keep_up(self, _: Dice) -> str:
        """Move the clocks of a history to its newest fact."""
        self.tick(self.at)
        return f"to {self.at}"

    def pause(self, ms: int) -> None:
        """Tell nothing for so long; what comes again afterwards is a new fact."""
        self._recent = []
        if self._post.is_live:
            self._post.clock.ms += ms
        else:
            self.tick(self.at + ms)

    def place(self, event: RawEvent, dice: Dice) -> int:
        """Return the partition to tell it to: mostly its person's."""
        home = partition_of(event.profile_id, PARTITIONS)
        return dice.roll(PARTITIONS) if dice.is_in(20) else home

    def tell(self, event: RawEvent, partition: int) -> None:
        """Write an event."""
        value = ENCODERS["raw_event"](event)
        self.told[value] = event
        self._post.send("raw-events", event.profile_id.encode(), value, partition)

    def _expect(self, event: RawEvent, owner: str) -> None:
        self.expected.accepted[event.source, event.event_id] = owner
        self._recent = [*self._recent[-5:], event]
