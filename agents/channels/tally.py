"""What a delivery channel tells in metrics: what became of activations, and how long it took to report it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from agents.spans import Spans
from agents.telemetry import Telemetry
from streams.records import RawEvent

OUTCOMES: Final = ("delivered", "rejected", "repeated")


class Tally:
    """The metrics of one delivery channel."""

    def __init__(self, telemetry: Telemetry, delivery_channel: str, spans: Spans | None = None) -> None:
        self._telemetry: Final = telemetry
        self._delivery_channel: Final = delivery_channel
        self._spans: Final = spans
        self.lag: Final = telemetry.gauge("continuo_channel_lag_records", delivery_channel)
        self._seconds: Final = telemetry.histogram("continuo_channel_report_seconds", delivery_channel)
        for outcome in OUTCOMES:
            self._count(outcome, 0)  # of what is not told yet there is no rate

    def note(self, taken: int, reports: Sequence[RawEvent], published_at: Mapping[str, int], now: int) -> None:
        """Note a batch of so many activations and what is reported of it at last.

        `published_at` has the wall time of each activation by its id, `now` is that of the reports, in ms.
        """
        for report in reports:
            outcome, activation_id = report.type.removeprefix("activation_"), str(report.properties["activation_id"])
            self._count(outcome, 1)
            self._seconds.observe(max(0, now - published_at[activation_id]) / 1000)
            if self._spans is not None and report.traceparent:
                self._spans.add(
                    "deliver", report.traceparent, published_at[activation_id], now,
                    delivery_channel=self._delivery_channel, outcome=outcome, activation_id=activation_id,
                )  # fmt: skip
        self._count("repeated", taken - len(reports))

    def _count(self, outcome: str, number: int) -> None:
        self._telemetry.counter("continuo_channel_activations_total", self._delivery_channel, outcome).inc(number)
