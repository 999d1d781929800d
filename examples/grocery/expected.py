"""What a whole year comes to: what is the data set's is exact, what was decided and learned lies within bounds.

Two runs differ a little: answers reach a shard when they do, so a decision may see one version of a model or the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

FED: Final = 1_637_116
BASKETS: Final = 155_848
ACTED: Final = (0.30, 0.60)  # share of the decisions
UNANSWERED_MAX: Final = 0.01  # share of the decisions that are degraded or late
GROWTH_MAX: Final = 1.1  # of a worker's memory between 40 % of the events and the end


def is_whole(summary: dict[str, Any]) -> bool:
    """Tell whether the whole year was played."""
    return bool(summary["events_in"] - sum(summary["activations"].values()) >= FED)


def differences(summary: dict[str, Any], costs: dict[str, Any]) -> Iterator[str]:
    """Yield what is not as it was when this was written, one sentence each."""
    acted = sum(summary["activations"].values())
    exact = {
        "events_in": FED + acted,  # each activation is reported once
        "events_accepted": FED + acted,
        "duplicates": 0,
        "triggers": BASKETS,
        "decisions": BASKETS,
    }
    for name, expected in exact.items():
        if summary[name] != expected:
            yield f"{name} is {summary[name]:,}, expected {expected:,}"
    if summary["dead_letters"]:
        yield f"there are dead letters: {summary['dead_letters']}"
    if not ACTED[0] <= acted / BASKETS <= ACTED[1]:
        yield f"{acted / BASKETS:.0%} of the decisions act, expected {ACTED[0]:.0%} to {ACTED[1]:.0%}"
    if summary["degraded"] + summary["late"] > UNANSWERED_MAX * BASKETS:
        yield f"{summary['degraded']:,} decisions are degraded, {summary['late']:,} answers late; expected at most 1 %"
    for model, quarters in summary["models"].items():
        for quarter, told in quarters.items():
            yield from _not_learned(f"{model} in {quarter}", told)
    early = costs.get("worker_rss_mb_early", 0.0)
    if early and summary["worker_rss_mb"] > GROWTH_MAX * early:
        yield f"a worker takes {summary['worker_rss_mb']:.0f} MB at the end, {early:.0f} MB at 40 % of the events"


def _not_learned(where: str, told: dict[str, Any]) -> Iterator[str]:
    """Yield it if a model did no better than who knows the rates, or the mean, of the quarter."""
    if told["answered"] < 1_000:
        return
    if "auc" in told and told["auc"] <= told["base_auc"]:
        yield f"{where} ranks no better (AUC {told['auc']}) than the rates of the quarter ({told['base_auc']})"
    if "rmse" in told and told["rmse"] >= told["base_rmse"]:
        yield f"{where} errs as much ({told['rmse']}) as the mean of the quarter ({told['base_rmse']})"
