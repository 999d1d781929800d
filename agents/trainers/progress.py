"""How well a model answers, measured before it learns: from it come the calibrator and the metrics of a version."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping
from typing import Final

import msgspec

from agents.workers.contract import ModelRefusedError
from streams.records import Calibrator

PPB: Final = 1_000_000_000
MATURITY: Final = 200  # examples that the prior is worth: (n0·p0 + n·p) / (n0 + n)
CALIBRATOR_BINS_MAX: Final = 20
# Beyond this the counts are halved: an online model's early answers say little about what it answers now.
HALVED_AT: Final = 50_000
COUNT_MAX: Final = 1 << 53  # beyond it a float of the metrics is no count any more
_STEPS: Final = 16  # bins per unit of log-odds
_LOGIT_MAX: Final = 8
_EDGES: Final = [
    math.floor(PPB / (1 + math.exp(-step / _STEPS)) + 0.5)
    for step in range(-_LOGIT_MAX * _STEPS + 1, _LOGIT_MAX * _STEPS)
]
BINS: Final = len(_EDGES) + 1


class Progress(msgspec.Struct):
    """Predictions and what followed: sums for ever, and a histogram over log-odds that slowly forgets."""

    examples: int = 0
    positives: int = 0
    log_loss: float = 0.0  # sum
    counts: list[int] = msgspec.field(default_factory=lambda: [0] * BINS)
    hits: list[int] = msgspec.field(default_factory=lambda: [0] * BINS)
    counted: int = 0  # sum of counts

    def note(self, propensity: float, *, happened: bool) -> None:
        """Take in one prediction, made before its example was learned."""
        self.examples += 1
        self.positives += happened
        told = propensity if happened else 1.0 - propensity
        self.log_loss -= math.log(max(told, 1e-15))
        at = bisect_right(_EDGES, math.floor(propensity * PPB + 0.5))
        self.counts[at] += 1
        self.hits[at] += happened
        self.counted += 1
        if self.counted >= HALVED_AT:
            self.counts = [(count + 1) // 2 for count in self.counts]
            self.hits = [hits // 2 for hits in self.hits]
            self.counted = sum(self.counts)

    def calibrator(self, calibrator_id: str, prior_ppb: int) -> Calibrator:
        """Return bins of about equal mass; each bin's value leans on the overall rate, which leans on the prior."""
        rate = mature(sum(self.hits), self.counted, prior_ppb)
        mass = max(1, -(-self.counted // CALIBRATOR_BINS_MAX))
        edges: list[int] = []
        values: list[int] = []
        count = hits = 0
        for at in range(BINS):
            count += self.counts[at]
            hits += self.hits[at]
            if at == BINS - 1 or count >= mass:
                values.append(mature(hits, count, rate))
                count = hits = 0
                if at < BINS - 1:
                    edges.append(_EDGES[at])
        return Calibrator(calibrator_id, edges, values)

    def metrics(self) -> dict[str, float]:
        """Return examples, base rate, log-loss with the base rate's own beside it, and AUC where both classes came."""
        metrics = {"examples": float(self.examples)}
        if self.examples:
            rate = self.positives / self.examples
            metrics["base_rate"] = rate
            metrics["log_loss"] = self.log_loss / self.examples
            metrics["base_log_loss"] = -sum(share * math.log(share) for share in (rate, 1 - rate) if share > 0)
        positives = sum(self.hits)
        negatives = self.counted - positives
        if positives and negatives:
            metrics["auc"] = self._ranked() / (positives * negatives)
        return metrics

    def _ranked(self) -> float:
        """Count the pairs in which the positive one was told the higher propensity; a pair in one bin counts half."""
        ranked, below = 0.0, 0
        for count, hits in zip(self.counts, self.hits, strict=True):
            misses = count - hits
            ranked += hits * (below + misses / 2)
            below += misses
        return ranked


def mature(hits: int, count: int, prior_ppb: int) -> int:
    """Return the rate in ppb of `hits` among `count`, leaning on the prior as on MATURITY examples."""
    return (MATURITY * prior_ppb + hits * PPB) // (MATURITY + count)


def encode_progress(progress: Progress) -> bytes:
    """Return the progress as an artefact keeps it."""
    return msgspec.msgpack.encode(progress)


def decode_progress(kept: bytes) -> Progress:
    """Return the progress that an artefact keeps; raise ModelRefusedError for anything else."""
    try:
        return whole(msgspec.msgpack.decode(kept, type=Progress))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ModelRefusedError(f"expected a learner's progress: {error}") from None


def count_of(metrics: Mapping[str, float], name: str, absent: float = math.nan) -> int:
    """Return a count that a version's metrics keep; raise ModelRefusedError where it is none."""
    count = metrics.get(name, absent)
    if not 0 <= count < COUNT_MAX:  # false for NaN
        raise ModelRefusedError(f"expected {name} among the metrics, a count; got {metrics.get(name)}")
    return int(count)


def whole(progress: Progress) -> Progress:
    """Return the progress; raise ModelRefusedError if no learner comes to that."""
    counts, hits = progress.counts, progress.hits
    is_whole = len(counts) == len(hits) == BINS
    is_whole = is_whole and all(0 <= hit <= count < COUNT_MAX for hit, count in zip(hits, counts, strict=True))
    if not is_whole or progress.counted != sum(counts) or not 0 <= progress.positives <= progress.examples < COUNT_MAX:
        raise ModelRefusedError(f"expected {BINS} counts of predictions and hits among them; got others")
    if not math.isfinite(progress.log_loss):
        raise ModelRefusedError(f"expected a finite log-loss; got {progress.log_loss}")
    return progress
