"""What a delivery channel does with a batch of activations, in phases; who calls it commits after each."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from agents.channels.contract import DeliveryKind
from agents.channels.ledger import DONE, INTENDED, Ledger
from streams.ids import derive
from streams.records import Activation, Dispatch, RawEvent


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
    """What to commit: entries of the ledger, activations it forgets, reports to `raw-events`."""

    entries: list[Dispatch] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    reports: list[RawEvent] = field(default_factory=list)


class Delivery:
    """The two phases of one delivery channel."""

    def __init__(self, delivery_channel: str, kind: DeliveryKind, ledger: Ledger, clock: Clock) -> None:
        self._delivery_channel = delivery_channel
        self._kind = kind
        self._ledger = ledger
        self._clock = clock
        # Asked once: after the start an `intended` without `done` can only be of the batch at hand.
        left = ledger.unfinished()
        self._delivered = kind.delivered(left) if left else set()
        self._at_hand: list[Activation] = []
        self._stamps: list[int] = []

    def intend(self, activations: Sequence[Activation]) -> Phase:
        """Take up a batch; return what to commit before anything is sent.

        Those already done are passed by, expired ones are rejected here: nothing leaves the house for either.
        """
        phase = Phase(forgotten=self._ledger.forget())
        self._at_hand, self._stamps = [], []
        late: list[tuple[Activation, int]] = []
        seen: set[str] = set()
        for activation in activations:
            one = activation.activation_id
            if one in seen or activation.delivery_channel != self._delivery_channel or self._ledger.has(one, DONE):
                continue
            seen.add(one)
            was_delivered = one in self._delivered
            stamp = self._ledger.stamp(one) if was_delivered else self._clock.stamp(activation)
            if stamp > activation.expires_at and not was_delivered:
                late.append((activation, stamp))
            else:
                self._at_hand.append(activation)
                self._stamps.append(stamp)
        fresh = [
            (activation.activation_id, stamp)
            for activation, stamp in zip(self._at_hand, self._stamps, strict=True)
            if not self._ledger.has(activation.activation_id, INTENDED)
        ]
        phase.entries += self._ledger.enter([one for one, _ in fresh], INTENDED, [stamp for _, stamp in fresh])
        phase.entries += self._ledger.enter([one.activation_id for one, _ in late], DONE, [stamp for _, stamp in late])
        phase.reports += [self._report(one, "rejected", stamp, {"reason": "expired"}) for one, stamp in late]
        return phase

    def deliver(self) -> Phase:
        """Deliver what is intended and was not delivered before a crash; return what to commit afterwards."""
        owed = [
            (activation, stamp)
            for activation, stamp in zip(self._at_hand, self._stamps, strict=True)
            if activation.activation_id not in self._delivered
        ]
        if owed:
            self._kind.deliver([activation for activation, _ in owed], [stamp for _, stamp in owed])
        phase = Phase(self._ledger.enter([one.activation_id for one in self._at_hand], DONE, self._stamps))
        for activation, stamp in zip(self._at_hand, self._stamps, strict=True):
            phase.reports.append(self._report(activation, "delivered", stamp, {}))
        return phase

    def _report(self, activation: Activation, outcome: str, stamp: int, more: dict[str, str]) -> RawEvent:
        return RawEvent(
            event_id=derive("event", activation.activation_id, outcome),
            profile_id=activation.profile_id,
            type=f"activation_{outcome}",
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
