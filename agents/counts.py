"""What steps count, as metrics: one table from the words of `streams/step.py` to the names of `agents/telemetry.py`."""

from __future__ import annotations

from typing import Final

from agents.telemetry import Telemetry
from streams.step import Step

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
    """Adds what steps counted to the metrics of this process."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry: Final = telemetry
        self._round_seconds: Final = telemetry.histogram("continuo_propose_round_seconds")

    def report(self, driver: Step) -> None:
        """Add what a shard counted since the last time, and tell what it holds now."""
        for (what, *kind), number in driver.out.tally.items():
            labels = kind
            if what == "dead_letters":
                labels = [kind[0].partition(":")[0]]  # without its detail: a metric has few series
            elif what == "answers":
                labels = [kind[1], kind[0]]
            self._telemetry.counter(COUNTERS[what], *labels).inc(number)
        for wait_ms in driver.out.waits_ms:
            self._round_seconds.observe(wait_ms / 1_000)
        partition, state = str(driver.setting.partition), driver.state
        self._telemetry.gauge("continuo_profile_rows", partition).set(state.profiles.size)
        self._telemetry.gauge("continuo_propose_rounds_open", partition).set(state.rounds_open)
