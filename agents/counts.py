"""What steps count, as metrics: one table from the words of `streams/` to the names of `agents/telemetry.py`."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from agents.telemetry import Telemetry
from streams.decision.verdict import BEST, DEFERRED, EXPLORE, HOLDOUT, NONE
from streams.policy import Policy
from streams.step import Step

SOURCES_MAX: Final = 50  # a producer names its source as it likes, and a metric has few series
OTHER: Final = "other"

COUNTERS: Final = {
    "records": "continuo_ingest_records_total",
    "events": "continuo_ingest_events_total",
    "dead_letters": "continuo_ingest_dead_letters_total",
    "seen_overflow": "continuo_ingest_seen_overflow_total",
    "erasures": "continuo_profile_erasures_total",
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
CAUSES: Final = (
    "undecodable", "invalid", "missing", "mistyped", "not_finite", "out_of_range", "unknown_event_type", "future_time",
    "internal_error",
)  # fmt: skip
INLINE: Final = ("ok", "cold", "missing", "error")
ASKED: Final = (*INLINE, "late", "orphan")


def words_of(policy: Policy) -> dict[str, list[tuple[str, ...]]]:
    """Return what can be counted under a policy, as labels in the order declared; sources of events nobody knows."""
    models, boards = policy.models.values(), [point.board for point in policy.points.values()]
    filters = {name for board in boards for name in board.filters}
    flags = {f"{flag}:{model.name}" for model in models for flag in ("prior", "degraded")}
    flags.update(flag for board in boards for flag in board.assumed)
    return {
        "records": [("accepted",), ("duplicate",), ("dead_letter",), ("forwarded",)],
        "dead_letters": [(cause,) for cause in CAUSES],
        "triggers": [(point,) for point in policy.points],
        "requests": [(model.name,) for model in models if not model.inline],
        "answers": [(model.name, status) for model in models for status in (INLINE if model.inline else ASKED)],
        "decisions": [(source,) for source in (BEST, EXPLORE, HOLDOUT, DEFERRED, NONE)],
        "withheld": [(reason,) for reason in sorted(filters | {"threshold", HOLDOUT, DEFERRED})],
        "flags": [(flag,) for flag in sorted(flags)],
        "activations": [(channel,) for channel in policy.channels],
        "rewards": [("pending",), ("final",)],
        "examples": [(model.name,) for model in models if model.label is not None],
    }


class Counts:
    """Adds what steps counted to the metrics of this process."""

    def __init__(self, telemetry: Telemetry, clock: Callable[[], float] = time.time) -> None:
        self._telemetry: Final = telemetry
        self._clock: Final = clock
        self._sources: Final[set[str]] = set()
        self._round_seconds: Final = telemetry.histogram("continuo_propose_round_seconds")

    def declare(self, policy: Policy) -> None:
        """Tell as 0 whatever can happen under this policy and did not yet: of what is not told there is no rate."""
        for what, kinds in words_of(policy).items():
            for kind in kinds:
                self._telemetry.counter(COUNTERS[what], *kind)

    def report(self, driver: Step) -> None:
        """Add what a shard counted since the last time, and tell what it holds now."""
        for (what, *kind), number in driver.out.tally.items():
            labels = kind
            if what == "dead_letters":
                labels = [kind[0].partition(":")[0]]  # without its detail: a metric has few series
            elif what == "answers":
                labels = [kind[1], kind[0]]
            elif what == "events":
                labels = [self._known(kind[0])]
                self._telemetry.gauge("continuo_ingest_heard_at_seconds", *labels).set(self._clock())
            self._telemetry.counter(COUNTERS[what], *labels).inc(number)
        for wait_ms in driver.out.waits_ms:
            self._round_seconds.observe(wait_ms / 1_000)
        partition, state = str(driver.setting.partition), driver.state
        self._telemetry.gauge("continuo_profile_rows", partition).set(state.profiles.size)
        self._telemetry.gauge("continuo_propose_rounds_open", partition).set(state.rounds_open)

    def _known(self, source: str) -> str:
        if source not in self._sources:
            if len(self._sources) >= SOURCES_MAX:
                return OTHER
            self._sources.add(source)
        return source
