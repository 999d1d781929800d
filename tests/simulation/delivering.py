"""The delivery channel: it does what is committed, and reports it later, twice, or to the wrong partition."""

from __future__ import annotations

from typing import Final

from agents.codecs.avro import DECODERS
from streams.ids import derive
from streams.partition import partition_of
from streams.records import Activation, RawEvent
from tests.builders import HOUR_MS
from tests.simulation.dice import Dice
from tests.simulation.post import Post
from tests.simulation.producers import Producers
from tests.simulation.worker import PARTITIONS

DELAYS_MS: Final = {"app": 60_000, "email": HOUR_MS}


class Delivering:
    """Whoever delivers."""

    def __init__(self, post: Post, producers: Producers) -> None:
        self._post: Final = post
        self._producers: Final = producers
        self._reports: list[RawEvent] = []

    def deliver(self, dice: Dice) -> str:
        """Report one delivery that is due."""
        due = self._due()
        if not due:
            return "nothing"
        report = dice.one_of(due)
        self._reports.remove(report)
        copies = 2 if dice.is_in(10) else 1
        self._producers.expected.repeats += copies - 1
        for _ in range(copies):
            self._producers.tell(report, self._producers.place(report, dice))
        return f"{copies} times {report.type} to {report.profile_id}"

    def deliver_all(self) -> bool:
        """Report every delivery that is due; tell whether there was any."""
        due = self._due()
        for report in due:
            self._reports.remove(report)
            self._producers.tell(report, partition_of(report.profile_id, PARTITIONS))
        return bool(due)

    def _due(self) -> list[RawEvent]:
        for partition in range(PARTITIONS):
            for record in self._post.news("activations", partition, committed=True):
                self._reports.append(_report(DECODERS["activation"](record.value)))
        now = self._post.clock.ms
        return [report for report in self._reports if not self._post.is_live or report.occurred_at <= now]


def _report(activation: Activation) -> RawEvent:
    kind = "rejected" if int(activation.activation_id[:2], 16) < 25 else "delivered"
    names = ("activation_id", "decision_id", "delivery_channel")
    return RawEvent(
        derive("event", activation.activation_id, kind), activation.profile_id, f"activation_{kind}",
        activation.release_at + DELAYS_MS[activation.delivery_channel], "channel",
        {name: getattr(activation, name) for name in names},
    )  # fmt: skip
