"""What steps count, as metrics: one table from the words of `streams/step.py` to the names of `agents/telemetry.py`."""

from __future__ import annotations

from typing import Final

from agents.telemetry import Telemetry

COUNTERS: Final = {
    "records": "continuo_ingest_records_total",
    "dead_letters": "continuo_ingest_dead_letters_total",
    "seen_overflow": "continuo_ingest_seen_overflow_total",
    "triggers": "continuo_propose_triggers_total",
    "requests": "continuo_propose_requests_total",
    "answers": "continuo_propose_answers_total",
    "decisions": "continuo_arbitrate_decisions_total",
    "withheld": "continuo_arbitrate_withheld_total",
    "flags": "continuo_arbitrate_flags_total",
    "activations": "continuo_activate_activations_total",
    "open_decisions_overflow": "continuo_attribute_overflow_total",
    "rewards": "continuo_attribute_rewards_total",
    "examples": "continuo_retrain_examples_total",
}


class Counts:
    """Adds what a turn counted to the metrics of this process."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry: Final = telemetry

    def report(self, tally: dict[tuple[str, ...], int]) -> None:
        """Add one turn's counts."""
        for (what, *kind), number in tally.items():
            name = COUNTERS[what]
            labels = [kind[0].partition(":")[0]] if what == "dead_letters" else [kind[1], kind[0]] if what == "answers" else kind
            self._telemetry.counter(name, *labels).inc(number)
