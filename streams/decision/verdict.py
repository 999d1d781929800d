"""What a decision saw and what it found, as columns: one entry per filter, per rule, per scored candidate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from streams.records import Feature
from streams.rows import Offer

WHOLE: Final = 1 << 32  # a selection probability of 1

BEST: Final = "best"
EXPLORE: Final = "explore"
HOLDOUT: Final = "holdout"
DEFERRED: Final = "deferred"
NONE: Final = "none"


class Occasion(NamedTuple):
    """Which decision this is, about whom, and when."""

    decision_id: str
    profile_id: str
    now: int  # deployment's clock
    deferrals: int = 0  # how often it was put off before


@dataclass(slots=True)
class Reading:
    """A model's answer as the decision reads it."""

    model: str
    version: str
    status: str  # ok | cold | error | missing
    calibrator_id: str  # "" = none
    outputs: list[int]  # ppb or micro
    propensities_ppb: list[int]  # calibrated; empty = the policy's prior stands in
    cost_micro: int
    latency_ms: int


@dataclass(slots=True)
class Snapshot:
    """Everything a decision reads: with the policy and the ids, it decides alone."""

    profile_id: str
    zone: str
    bucket: int  # of the holdout, 0 to 9,999
    features: list[Feature]
    consents: list[list[int]]  # per scope of the board: [granted 0 | 1, said at]
    suppressed: list[str]
    cooldowns: list[str]  # scopes that rest now
    counts: list[dict[str, int]]  # per window of the board: contacts by id of the scope
    offers: list[Offer]  # that exclude others now
    pressures_ppm: list[int]  # per load of the board, decayed
    shown: dict[str, int]  # action -> when last shown
    released_at: list[int]  # per timing of the board: when its candidates may go out
    deferrals: int  # how often this was put off before
    readings: list[Reading]  # per model of the decision point


@dataclass(slots=True)
class Verdict:
    """A decision, complete: `decide` on the same snapshot gives the same verdict."""

    decision_id: str
    policy_hash: str
    decision_point: str
    decided_at: int
    snapshot: Snapshot
    failed: list[int]  # per filter of the board: the candidates it refuses
    context_ppm: list[int]  # C per category
    fatigue_micro: list[int]  # FAT per load
    meta_ppm: int  # M
    scored: list[int]  # candidates that no filter refuses; the next three are aligned with it
    ev_micro: list[int]
    cost_micro: list[int]
    scores_micro: list[int]
    feasible: list[int]  # candidates above their threshold
    explored: list[int]  # candidates that could be drawn
    q: list[int]  # their selection probabilities, in 2⁻³²
    u: int  # the draw, 32 bits
    source: str  # best | explore | holdout | deferred | none
    chosen: int  # candidate; -1 = no action
    ghost: int  # candidate that a held-out person would have got; -1 = none
    deferred: int  # candidate that is decided about again when it may go out; -1 = none
    shown: dict[str, int]  # of the snapshot's, those between which a tie was broken: the others told nothing
    flags: list[str]  # prior:<model>, degraded:<model>, assumed_increment:<outcome>
    reason: str | None  # why there is no action

    @property
    def winner(self) -> int:
        """The candidate that was drawn, whatever became of it; -1 = none was feasible."""
        return max(self.chosen, self.ghost, self.deferred)

    @property
    def score_micro(self) -> int:
        """The winner's score; 0 if there is none: that is the score of no action."""
        return self.scores_micro[self.scored.index(self.winner)] if self.winner >= 0 else 0

    @property
    def selection_q(self) -> int:
        """The winner's selection probability, in 2⁻³²; if nothing was feasible, no action was certain."""
        return self.q[self.explored.index(self.winner)] if self.winner >= 0 else WHOLE
