"""What a worker does for sampled events, as spans: an encoder that tells of outputs as they pass it.

A worker that traces nothing has the plain encoder, and pays nothing.
"""

from __future__ import annotations

from typing import Final

from agents.spans import Spans
from agents.transport.applier import Output as KafkaOutput
from agents.turn import Encoder
from streams.inputs import Output
from streams.records import Activation, Decision, Event


class TracedEncoder(Encoder):
    """An encoder that tells what became of sampled events: accepted, and decided with an action."""

    def __init__(self, namespace: str, partition: int, partitions: int, spans: Spans) -> None:
        super().__init__(namespace, partition, partitions)
        self._spans: Final = spans
        self._decision: Decision | None = None  # the last one: its activation comes next

    def encode(self, output: Output) -> KafkaOutput | None:
        """Return the Kafka record of one output, as ever."""
        record = output.record
        if isinstance(record, Decision):
            self._decision = record
        elif isinstance(record, Event) and record.traceparent:
            self._spans.add(
                "ingest", record.traceparent, record.occurred_at, record.accepted_at,
                type=record.type, source=record.source, event_id=record.event_id,
            )  # fmt: skip
        elif isinstance(record, Activation) and record.traceparent and self._decision is not None:
            decision = self._decision
            self._spans.add(
                "decide", record.traceparent, decision.opened_at, decision.decided_at,
                decision_point=decision.decision_point, decision_source=decision.source, action=record.action,
                delivery_channel=record.delivery_channel, decision_id=record.decision_id,
                flags=" ".join(decision.flags),
            )  # fmt: skip
        return super().encode(output)
