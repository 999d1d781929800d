"""The whole stream from a seed: repeats, detours, poison, kills, a model's process that dies and talks nonsense.

`CONTINUO_SEED=17 pytest tests/simulation` plays one seed again; a failing test names its seed.
"""

from __future__ import annotations

from collections import Counter

import pytest

from streams.rows import Profile
from tests.simulation.checks import check
from tests.simulation.script import play
from tests.simulation.world import World

SEEDS = range(30)
MECHANISMS = {
    "best", "explore", "holdout", "none", "prior", "degraded", "late_answer", "delivered", "rejected", "forwarded",
    "turns lost", "repeats", "undecodable:magic", "undecodable:json", "missing:profile_id", "unknown_event_type",
    "missing:amount", "mistyped:amount", "future_time",
}  # fmt: skip


def facts(world: World) -> dict[str, tuple[object, ...]]:
    """Return of each person what no fault may change."""
    known: dict[str, tuple[object, ...]] = {}
    for shard in world.shards:
        state = shard.applier.driver.state
        for name in state.profiles.keys():  # noqa: SIM118  # a table is no dict
            person = state.profiles.get(name) or Profile()
            known[name] = (person.series, person.consents, person.zone, sorted(person.decided))
    return known


def test_what_must_hold_holds_whatever_happens() -> None:
    seen: Counter[str] = Counter()
    for seed in SEEDS:
        world, expected = play(seed)
        try:
            seen += check(world, expected)
        except AssertionError as error:
            pytest.fail(f"seed {seed}: {error}")
    assert MECHANISMS - seen.keys() == set()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_faults_change_no_fact(seed: int) -> None:
    calm, expected = play(seed, faults=False)
    check(calm, expected)
    hurt, _ = play(seed)
    assert facts(hurt) == facts(calm)
    letters = [Counter(letter.cause for _, letter in world.said("dead-letters")) for world in (calm, hurt)]
    assert letters[0] == letters[1]


def test_a_seed_plays_the_same_world_again() -> None:
    logs = [play(5)[0].log for _ in range(2)]
    assert {place: len(records) for place, records in logs[0].items()} == {
        place: len(records) for place, records in logs[1].items()
    }
