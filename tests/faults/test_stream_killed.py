"""The whole stream on a real Kafka, processes killed with -9 at random, judged from the topics by another client."""

from __future__ import annotations

import asyncio
import os
import random
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, Final

import pytest

from agents import ranges
from agents.replay.reading import Topics
from agents.replay.replaying import replay
from agents.replay.report import to_text
from examples.grocery import adapter, training
from examples.grocery.tables import local_ms
from tests.faults.bundle import by_night, grocery
from tests.faults.case import Case, Fed
from tests.faults.checker import flaws, mechanisms
from tests.faults.feeding import END_MS, POISONS, Feeding
from tests.faults.storm import MODEL, OTHERS, WORKERS, Storm
from tests.processes import Deployment

pytestmark = pytest.mark.kafka

PARTITIONS: Final = 4
WARM_ON: Final = date(2017, 2, 1)  # from here on lapse and basket answer
BROKEN_ON: Final = date(2017, 4, 6)  # from here on lapse cannot
KILLS: Final = 6
NEVER: Final = {"suppression", "release"}  # filters that nothing the stream takes in can make refuse anybody


@pytest.mark.parametrize(
    ("households", "until"),
    [
        (100, date(2017, 4, 12)),
        pytest.param(400, date(2017, 5, 15), marks=[pytest.mark.slow, pytest.mark.timeout(1200)]),
    ],
)
def test_processes_killed_at_random_change_nothing_that_was_promised(
    broker: str, tmp_path: Path, households: int, until: date
) -> None:
    seed = int(os.environ.get("SEED", random.randrange(10_000)))
    print(f"SEED={seed}")  # noqa: T201 — to run the same storm again
    bundle = by_night(grocery())
    with Deployment(broker, tmp_path, bundle, partitions=PARTITIONS, mode="history") as deployment:
        storm = Storm(deployment, random.Random(seed))
        feeding = Feeding(adapter.events(households, until), PARTITIONS, deployment.policy.holdout, seed)
        fed, rounds_open = asyncio.run(rage(storm, feeding, households))
        log = storm.log()
        topics = Topics(broker, deployment.namespace, lambda *_: None)
        replayed = asyncio.run(replay(topics, ranges.parse("all")))
    filters = list(deployment.policy.points["checkout"].board.filters)
    case = Case(fed, feeding.homes, bundle, filters)
    found = flaws(log, case)
    assert not found, "\n".join([f"SEED={seed}", *found[:20]])
    assert replayed.is_equal, f"SEED={seed}\n{to_text(replayed)}"
    assert replayed.replayed == len(log.said["decisions"]), f"SEED={seed}"
    seen = mechanisms(log, case)
    assert [name for name in expected(bundle, filters) if not seen[name]] == [], f"SEED={seed}"
    assert rounds_open
    assert sum(storm.killed[name] for name in WORKERS) > KILLS / 2
    assert all(storm.killed[name] for name in OTHERS)


def expected(bundle: dict[str, Any], filters: list[str]) -> list[str]:
    """Return every mechanism that has to have been at work, for the judge's word to mean anything."""
    return [
        "accepted", "forwarded", "duplicates", *(f"dead letter {cause}" for cause in POISONS),
        *(f"source {source}" for source in ("best", "explore", "holdout", "deferred", "none")),
        *(f"filter {name}" for name in filters if name not in NEVER), "reason threshold", "reason holdout",
        "reason deferred",
        *(f"answered {model}" for model in bundle["models"]), *(f"flag prior:{model}" for model in bundle["models"]),
        "flag degraded:lapse", "version next_purchase", "version lapse",
        *(f"activation {channel}" for channel in bundle["delivery_channels"]), "note delivered",
        "reward pending", "reward final", "reward final of worth", *(f"example {model}" for model in bundle["models"]),
    ]  # fmt: skip


async def rage(storm: Storm, feeding: Feeding, households: int) -> tuple[list[Fed], int]:
    """Feed everything and kill meanwhile; return what was fed, and how many rounds were open at the worst moment."""
    chance, policy = storm.chance, storm.deployment.policy
    lapse, basket = training.train(policy, adapter.events(households, date(2017, 4, 1)), 0)
    for version in (lapse, basket):  # what they learned from came later; here they only have to answer
        storm.publish(replace(version, trained_until=local_ms(WARM_ON)))
    storm.publish(replace(lapse, version="broken", trained_until=local_ms(BROKEN_ON), artefact=b"?"))
    slices = list(feeding.slices())
    late = len(slices) * 3 // 4  # next_purchase has learned enough to be asked
    places = chance.sample(range(2, late), KILLS - 2) + chance.sample(range(late, len(slices)), 3)
    frozen_at, *moments = reversed(places)
    elsewhere = [number for number in range(2, len(slices)) if number != frozen_at]
    victims = dict(zip(chance.sample(elsewhere, len(OTHERS)), OTHERS, strict=True))
    accepted = rounds_open = 0
    async with storm.raging(*OTHERS):
        for number, part in enumerate(slices):
            storm.feed(part.fed)
            accepted += part.accepted
            if number in victims:
                await storm.kill_other(victims[number])
            if number in moments:
                await storm.wait_count("accepted", accepted - chance.randrange(1, part.accepted))
                await storm.kill_worker()
            if number == frozen_at:
                with storm.frozen(MODEL):
                    await storm.wait_count("accepted", accepted)
                    rounds_open = await storm.wait_rounds_open()
                    await storm.kill_worker()
            await storm.wait_count("accepted", accepted)
        await storm.wait_settled(feeding.ends_at, END_MS)
    return [one for part in slices for one in part.fed], rounds_open
