"""What a run left on its topics, reckoned up: committed records in, the summary out.

Read the topics in the order of `NOUNS`: a decision's latency needs the raw record that triggered it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from aiokafka import ConsumerRecord

from agents.codecs.avro import (
    decode_activation,
    decode_dead_letter,
    decode_decision,
    decode_decision_note,
    decode_event,
    decode_raw_event,
    decode_reward,
    decode_training_example,
)
from agents.codecs.errors import Undecodable
from examples.grocery.scores import Scores
from streams.decision import unpack
from streams.policy import Policy
from streams.records import Decision

NOUNS: Final = (
    "raw-events", "routed-events", "events", "dead-letters", "decisions", "decision-notes", "activations", "rewards",
    "retraining",
)  # fmt: skip
NOT_CAUSED: Final = (
    "Historical outcomes were not caused by our decisions: these households bought what they bought in 2017, and no "
    "treatment of ours ever reached them. This is what last-touch attribution would credit, not what was earned."
)
MICRO: Final = 1_000_000

if TYPE_CHECKING:
    Record: TypeAlias = ConsumerRecord[bytes, bytes]


class Reckoning:
    """Takes in the records of a run, topic by topic."""

    def __init__(self, policy: Policy) -> None:
        self.refused: Final[Counter[str]] = Counter()  # candidates, by the filter that refused them
        self.candidates = 0
        self.example: Decision | None = None  # one with an action, for which there were most others
        self.values_micro: Final[dict[bool, list[int]]] = {False: [], True: []}  # final ones, of ghosts under True
        self._policy: Final = policy
        self._counts: Final[Counter[str]] = Counter()  # records by noun, and what is counted by one word
        self._dead: Final[Counter[str]] = Counter()
        self._activations: Final[Counter[str]] = Counter()
        self._withheld: Final[Counter[str]] = Counter()
        self._scores: Final = Scores()
        self._triggers: Final = [name for name, points in policy.points_by_trigger.items() if points]
        self._names: Final = [name.encode() for name in self._triggers]
        self._trigger_at: Final[dict[str, int]] = {}  # event_id -> broker's timestamp of the raw record
        self._latencies_ms: Final[list[int]] = []
        self._choice = 0  # feasible candidates of the example
        self._first_ms = 0
        self._last_ms = 0
        self._take: Final = {
            "raw-events": self._raw,
            "events": self._event,
            "dead-letters": self._dead_letter,
            "decisions": self._decision,
            "decision-notes": self._note,
            "activations": self._activation,
            "rewards": self._reward,
            "retraining": self._example,
        }

    def take(self, noun: str, records: Sequence[Record]) -> None:
        """Take in some committed records of a topic."""
        self._counts[noun] += len(records)
        one = self._take.get(noun)
        if one is not None:
            for record in records:
                one(record)

    def summary(self, worker_rss_mb: float) -> dict[str, Any]:
        """Return the figures of the run."""
        counts = self._counts
        refused = self._counts["refused"]
        seconds = (self._last_ms - self._first_ms) / 1000
        amounts = [model.name for model in self._policy.models.values() if model.gives == "money"]
        p50, p99 = np.percentile(self._latencies_ms, (50, 99)) if self._latencies_ms else (0, 0)
        return {
            "events_in": counts["raw-events"],
            "events_accepted": counts["events"],
            "duplicates": counts["raw-events"] - counts["events"] - refused,
            "forwarded": counts["routed-events"],
            "dead_letters": dict(self._dead.most_common()),
            "triggers": counts["triggers"],
            "decisions": counts["decisions"],
            "activations": dict(self._activations.most_common()),
            "withheld": dict(self._withheld.most_common()),
            "explored": counts["explore"],
            "held_out": counts["holdout"],
            "degraded": counts["degraded"],
            "late": counts["late_answer"],
            "rewards": counts["final"],
            "examples": counts["retraining"],
            "models": self._scores.result(amounts),
            "credited_value": {
                "amount": round(sum(self.values_micro[False]) / MICRO, 2),
                "currency": self._policy.currency,
                "note": NOT_CAUSED,
            },
            "events_per_s": round(counts["raw-events"] / seconds) if seconds > 0 else 0,
            "latency_ms": {"p50": round(float(p50)), "p99": round(float(p99))},
            "worker_rss_mb": round(worker_rss_mb, 1),
        }

    def _raw(self, record: Record) -> None:
        self._first_ms = min(self._first_ms or record.timestamp, record.timestamp)
        if self._may_trigger(record.value):
            with suppress(Undecodable):  # it is among the dead letters
                event = decode_raw_event(record.value)
                if event.type in self._triggers:
                    self._trigger_at.setdefault(event.event_id, record.timestamp)

    def _event(self, record: Record) -> None:
        if self._may_trigger(record.value):
            self._counts["triggers"] += decode_event(record.value).type in self._triggers

    def _may_trigger(self, value: bytes | None) -> bool:
        """Tell, for a tenth of the cost of decoding, whether an event could be one that opens a round."""
        return value is not None and any(name in value for name in self._names)

    def _dead_letter(self, record: Record) -> None:
        letter = decode_dead_letter(record.value)
        self._dead[letter.cause] += 1
        self._counts["refused"] += letter.origin.topic.endswith("-events.v1")

    def _decision(self, record: Record) -> None:
        decision = decode_decision(record.value)
        self._last_ms = max(self._last_ms, record.timestamp)
        self._counts[decision.source] += 1
        self._counts["degraded"] += any(flag.startswith("degraded:") for flag in decision.flags)
        if decision.reason:
            self._withheld[decision.reason] += 1
        began_at = self._trigger_at.get(decision.trigger_event_id)
        if began_at is not None:
            self._latencies_ms.append(record.timestamp - began_at)
        board = self._policy.points[decision.decision_point].board
        verdict = unpack(decision.evidence, None)
        self.candidates += board.size
        for name, refused in zip(board.filters, verdict.failed, strict=True):
            self.refused[name] += refused.bit_count()
        if decision.action and len(verdict.feasible) > self._choice:
            self.example, self._choice = decision, len(verdict.feasible)

    def _note(self, record: Record) -> None:
        self._counts[decode_decision_note(record.value).kind] += 1

    def _activation(self, record: Record) -> None:
        self._activations[decode_activation(record.value).delivery_channel] += 1

    def _reward(self, record: Record) -> None:
        reward = decode_reward(record.value)
        self._counts[reward.status] += 1
        if reward.status == "final":
            self.values_micro[reward.ghost].append(reward.value_micro)

    def _example(self, record: Record) -> None:
        self._scores.add(decode_training_example(record.value))
