"""What a delivery channel does with activations, a slice at a time and in phases; who calls it commits after each.

Theory of operation.  `take` queues what is new.  `intend` takes a slice of the queue, as large as its kind has room
for, and settles at once what must not go out: it has expired, or is refused now (`recheck`).  `deliver` has the rest
delivered.  What comes back as owed goes to the end of the queue, so one that always fails holds up none behind it, and
after a failure of its own it is not tried again before a while, each time a longer one.
An intention that a crash left behind is settled by what its kind knows of it: delivered or not, or to be sent again
where repetitions are known, or else unknown.  What is unknown is kept, asked about by `resolve`, and never sent again.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from agents.channels.contract import AGAIN, DELIVERED, OWED, REJECTED, UNKNOWN, DeliveryKind, Fate
from agents.channels.ledger import DONE, INTENDED, Ledger
from agents.channels.ledger import OWED as TAKEN_BACK
from streams.ids import derive
from streams.records import Activation, Dispatch, RawEvent

ASKED_MAX: Final = 100  # unknown ones, in one `resolve`
BACKOFF_S: Final = 0.25  # after an activation's first failure, doubled with each, up to
BACKOFF_S_MAX: Final = 30.0


@dataclass(frozen=True)
class Clock:
    """The deployment's clock as a delivery channel knows it: wall time, or in a history each activation's own."""

    is_live: bool
    delay_ms: int  # declared by the policy; in a history delivery takes exactly this long

    def stamp(self, activation: Activation) -> int:
        """Return when this activation is delivered, if it is delivered now."""
        return time.time_ns() // 1_000_000 if self.is_live else activation.release_at + self.delay_ms


@dataclass
class Phase:
    """What to commit: entries of the ledger, activations it forgets, reports to `raw-events`, unknown ones to keep."""

    entries: list[Dispatch] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    reports: list[RawEvent] = field(default_factory=list)
    kept: list[Activation] = field(default_factory=list)
    resolved: list[str] = field(default_factory=list)  # that are kept no longer

    def __bool__(self) -> bool:
        return bool(self.entries or self.forgotten or self.reports or self.kept or self.resolved)


Refuse = Callable[[Activation], str]  # why it must not go out now, "" if it may


class Delivery:
    """The phases of one delivery channel."""

    def __init__(
        self,
        delivery_channel: str,
        kind: DeliveryKind,
        ledger: Ledger,
        clock: Clock,
        *,
        refuse: Refuse = lambda _: "",
        unknown: Iterable[Activation] = (),
    ) -> None:
        self._delivery_channel: Final = delivery_channel
        self._kind: Final = kind
        self._ledger: Final = ledger
        self._clock: Final = clock
        self._refuse: Final = refuse
        self._unknown: Final = {one.activation_id: one for one in unknown if one.delivery_channel == delivery_channel}
        self._left: dict[str, Fate] = {}  # what a crash left intended: looked up before it is sent
        self._perhaps: Final[set[str]] = set()  # may have been sent, and are to be sent again
        self._queue: Final[deque[Activation]] = deque()
        self._queued: Final[set[str]] = set()  # ids of the queue and of the slice at hand
        self._at_hand: list[tuple[Activation, int]] = []
        self._rests: Final[dict[str, tuple[float, float]]] = {}  # (until when, how long), of those that have failed

    @property
    def owed(self) -> set[str]:
        """The activations that are taken and not settled."""
        return self._queued

    async def recover(self) -> None:
        """Find out what became of the activations that a crash left intended and not done; before anything else."""
        left = self._ledger.unfinished()
        told = await self._kind.ask(left) if left else {}
        for one in left:
            if one in told:
                self._left[one] = told[one]
            elif self._kind.repeats:
                self._perhaps.add(one)
            else:
                self._left[one] = Fate(UNKNOWN, "crash")

    def take(self, activations: Iterable[Activation]) -> int:
        """Queue what is new and of this delivery channel; return how many repeat what is queued or settled."""
        repeated = 0
        for activation in activations:
            one = activation.activation_id
            if activation.delivery_channel != self._delivery_channel:
                continue
            if one in self._queued or self._ledger.has(one, DONE) or self._ledger.has(one, UNKNOWN):
                repeated += 1
                continue
            self._queued.add(one)
            self._queue.append(activation)
        return repeated

    def intend(self) -> Phase:
        """Take a slice of the queue; return what to commit before any of it is sent."""
        phase = Phase(forgotten=self._ledger.forget())
        room = self._kind.room()
        for _ in range(len(self._queue)):
            if len(self._at_hand) == room:
                break
            activation = self._queue.popleft()
            one = activation.activation_id
            if self._rests.get(one, (0.0,))[0] > time.monotonic():
                self._queue.append(activation)
                continue
            left = self._left.pop(one, None)
            if left is not None and left.outcome not in (OWED, AGAIN):
                self._settle(phase, activation, left, self._ledger.stamp(one))
                continue
            stamp = self._clock.stamp(activation)
            why = "expired" if stamp > activation.expires_at else self._refuse(activation)
            if why:
                self._settle(phase, activation, Fate(UNKNOWN if one in self._perhaps else REJECTED, why), stamp)
            else:
                self._at_hand.append((activation, stamp))
        fresh = [(one.activation_id, stamp) for one, stamp in self._at_hand if not self._is_intended(one)]
        phase.entries += self._ledger.enter([one for one, _ in fresh], INTENDED, [stamp for _, stamp in fresh])
        return phase

    async def deliver(self) -> Phase:
        """Have the slice at hand delivered; return what to commit afterwards."""
        phase = Phase()
        at_hand, self._at_hand = self._at_hand, []
        if not at_hand:
            return phase
        fates = await self._kind.deliver([one for one, _ in at_hand], [stamp for _, stamp in at_hand])
        for (activation, stamp), fate in zip(at_hand, fates, strict=True):
            one = activation.activation_id
            if fate.outcome not in (OWED, AGAIN):
                self._settle(phase, activation, fate, stamp)
                continue
            if fate.reason:
                rest_s = min(2 * self._rests.get(one, (0.0, BACKOFF_S / 2))[1], BACKOFF_S_MAX)
                self._rests[one] = time.monotonic() + rest_s, rest_s
            if fate.outcome == AGAIN:
                self._perhaps.add(one)
            elif one not in self._perhaps:
                phase.entries += self._ledger.enter([one], TAKEN_BACK, [stamp])
            self._queue.append(activation)
        return phase

    async def resolve(self) -> Phase:
        """Ask about some of those whose fate is unknown; return what to commit of those that are known now."""
        phase = Phase()
        asked = list(self._unknown)[:ASKED_MAX]
        for one, fate in (await self._kind.ask(asked) if asked else {}).items():
            if fate.outcome not in (OWED, AGAIN, UNKNOWN):
                activation = self._unknown.pop(one)
                self._settle(phase, activation, fate, self._clock.stamp(activation))
                phase.resolved.append(one)
        for one in asked:  # to the end: the next ones are asked about first
            if one in self._unknown:
                self._unknown[one] = self._unknown.pop(one)
        return phase

    def _is_intended(self, activation: Activation) -> bool:
        return self._ledger.has(activation.activation_id, INTENDED)

    def _settle(self, phase: Phase, activation: Activation, fate: Fate, stamp: int) -> None:
        """Note what became of an activation, for good or until it is asked about."""
        one = activation.activation_id
        self._queued.discard(one)
        self._perhaps.discard(one)
        self._rests.pop(one, None)
        is_unknown = fate.outcome == UNKNOWN
        phase.entries += self._ledger.enter([one], UNKNOWN if is_unknown else DONE, [stamp])
        phase.reports.append(self._report(activation, fate, stamp))
        if is_unknown:
            self._unknown[one] = activation
            phase.kept.append(activation)

    def _report(self, activation: Activation, fate: Fate, stamp: int) -> RawEvent:
        more = {} if fate.outcome == DELIVERED else {"reason": fate.reason}
        return RawEvent(
            event_id=derive("event", activation.activation_id, fate.outcome),
            profile_id=activation.profile_id,
            type=f"activation_{fate.outcome}",
            occurred_at=stamp,
            source=f"channel:{self._delivery_channel}",
            properties={
                "activation_id": activation.activation_id,
                "decision_id": activation.decision_id,
                "delivery_channel": self._delivery_channel,
                **more,
            },
            traceparent=activation.traceparent,
        )
