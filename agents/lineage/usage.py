"""Usage: what models were asked for in decisions, and what their answers cost."""

from __future__ import annotations

from collections import defaultdict
from contextlib import aclosing
from dataclasses import dataclass, field

from agents.codecs.avro import decode_decision
from agents.decisions import Archive
from streams.decision import EvidenceUnreadable, Reading, unpack


@dataclass
class Usage:
    """What one model was asked for, within some time."""

    answers: dict[str, int] = field(default_factory=lambda: defaultdict(int))  # by status
    cost_micro: int = 0
    latency_ms: int = 0  # of all answers together

    def add(self, reading: Reading) -> None:
        """Count an answer."""
        self.answers[reading.status] += 1
        self.cost_micro += reading.cost_micro
        self.latency_ms += reading.latency_ms


async def read_usage(archive: Archive, since: int) -> dict[str, Usage]:
    """Return what was asked in the decisions made since then (epoch ms, deployment's clock), by model."""
    usage: defaultdict[str, Usage] = defaultdict(Usage)
    async with aclosing(archive.said("decisions", decode_decision, "")) as decisions:
        async for decision in decisions:
            if decision.decided_at < since:
                continue
            try:
                readings = unpack(decision.evidence, None).snapshot.readings
            except EvidenceUnreadable:
                continue
            for reading in readings:
                usage[reading.model].add(reading)
    return usage
