"""A few days of a few people, recorded in memory, and their decisions decided again."""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import Any, Final

from agents import ranges
from agents.replay.replaying import replay
from agents.replay.report import Report
from streams.partition import partition_of
from tests.builders import DAY_MS, HOUR_MS, NOW, small_policy
from tests.models import weighted
from tests.recording import Recording
from tests.shard import raw
from tests.stream import Deployment

MIXED: Final = {
    "holdout": {"share": 0.25, "seed": "s"},
    "exploration": {"epsilon": 0.6, "delta": 2.0, "salt": "s"},
    "decision_points": {"checkout": small_policy()["decision_points"]["checkout"] | {"models": ["lapse", "basket"]}},
}
PEOPLE: Final = 5  # of each partition


def residents(partition: int, count: int) -> list[str]:
    """Return people who live in a partition."""
    return list(islice((name for name in map(str, range(1_000)) if partition_of(name, 2) == partition), count))


def mixed(**sections: Any) -> dict[str, Any]:
    """Return a policy under which all that can become of a decision does."""
    bundle = small_policy(**{**MIXED, **sections})
    bundle["models"].pop("next_purchase")
    for action in bundle["actions"]:
        action["value"] = {"retain": 30.0}
        action.pop("offer_cost", None)
    return bundle


def tell_day(deployment: Deployment, names: list[str], day: int) -> None:
    """Let everybody buy something, one after the other."""
    for n, name in enumerate(names):
        at = NOW + day * DAY_MS + n * HOUR_MS
        deployment.tell([
            raw("product_purchased", at, profile_id=name, event_id=f"{name}-{day}-line", consent={"email": True}),
            raw(at=at + 1, profile_id=name, event_id=f"{name}-{day}"),
        ])  # fmt: skip


def recorded(people: int = PEOPLE, days: int = 4) -> Recording:
    """Return a few days of a few people in two partitions, under two policies."""
    bundle = mixed()
    deployment = Deployment(bundle)
    deployment.learn(weighted("lapse", ["recency_d", "baskets_28d"]))
    names = [*residents(0, people), *residents(1, people)]
    for day in range(days):
        if day == days // 2:
            deployment.publish(bundle | {"contexts": []})
        tell_day(deployment, names, day)
    return Recording(deployment)


def replayed(recording: Recording, said: str = "all", partition: int | None = None) -> Report:
    return asyncio.run(replay(recording, ranges.parse(said), partition))
