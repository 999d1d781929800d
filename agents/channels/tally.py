"""What a delivery channel tells in metrics: what became of activations, and how long it took to report it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from agents.spans import Spans
from agents.telemetry import Telemetry
from streams.records import RawEvent

OUTCOMES: Final = ("delivered", "rejected", "bounced", "unknown", "repeated")


class Tally:
    """The metrics of one delivery channel."""

    def __init__(self, telemetry: Telemetry, delivery_channel: str, spans: Spans | None = None) -> None:
        self._telemetry: Final = telemetry
        self._delivery_channel: Final = delivery_channel
        self._spans: Final = spans
        self._published_at: Final[dict[str, int]] = {}  # of those that are owed; wall clock, ms
        self.lag: Final = telemetry.gauge("continuo_channel_lag_records", delivery_channel)
        self.resting: Final = telemetry.gauge("continuo_channel_breaker_open", delivery_channel)
        self._seconds: Final = telemetry.histogram("continuo_channel_report_seconds", delivery_channel)
        for outcome in OUTCOMES:
            self._count(outcome, 0)  # of what is not told yet there is no rate

    def published(self, activation_id: str, at: int) -> None:
        """Note when an activation that is owed was published; wall clock, in ms."""
        self._published_at.setdefault(activation_id, at)

    def repeated(self, number: int) -> None:
        """Note activations that were taken before."""
        self._count("repeated", number)

    def note(self, reports: Sequence[RawEvent], now: int) -> None:
        """Note what is reported at this wall time, in ms; what was unknown is timed no more."""
        for report in reports:
            outcome, activation_id = report.type.removeprefix("activation_"), str(report.properties["activation_id"])
            self._count(outcome, 1)
            published_at = self._published_at.pop(activation_id, None)
            if published_at is None:
                continue
            self._seconds.observe(max(0, now - published_at) / 1000)
            if self._spans is not None and report.traceparent:
                self._spans.add(
                    "deliver", report.traceparent, published_at, now,
                    delivery_channel=self._delivery_channel, outcome=outcome, activation_id=activation_id,
                )  # fmt: skip

    def _count(self, outcome: str, number: int) -> None:
        self._telemetry.counter("continuo_channel_activations_total", self._delivery_channel, outcome).inc(number)
