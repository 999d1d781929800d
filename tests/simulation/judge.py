"""Plays a script and says what is wrong with what came of it."""

from __future__ import annotations

import traceback
from collections import Counter
from dataclasses import dataclass, field

from streams.rows import Profile
from tests.simulation.checks import flaws, mechanisms
from tests.simulation.script import Script, played
from tests.simulation.worker import state_of
from tests.simulation.world import World

Facts = dict[str, tuple[object, ...]]


@dataclass
class Verdict:
    """What came of a script."""

    flaws: list[str] = field(default_factory=list)  # each begins with the name of the invariant it breaks
    mechanisms: Counter[str] = field(default_factory=Counter)  # how often each was at work

    @property
    def broken(self) -> frozenset[str]:
        """Return the names of the invariants that are broken."""
        return frozenset(flaw.partition(":")[0] for flaw in self.flaws)


def judge(script: Script) -> Verdict:
    """Play a script; where it says so, without its faults too, of which the same facts have to come."""
    try:
        with played(script) as world:
            verdict = Verdict(flaws(world), mechanisms(world))
            known = facts(world)
        if script.is_compared:
            with played(script.calm()) as world:
                verdict.flaws += differences(known, facts(world))
    except Exception as error:  # noqa: BLE001 — whatever is raised is what is wrong
        return Verdict([f"{type(error).__name__}: {error}\n{traceback.format_exc()}"])
    return verdict


def facts(world: World) -> Facts:
    """Return of each person what no fault may change."""
    known: Facts = {}
    for shard in world.group.shards().values():
        profiles = state_of(shard).profiles
        for name in profiles.keys():  # noqa: SIM118  # a table is no dict
            person = profiles.get(name) or Profile()
            known[name] = (person.series, person.consents, person.zone, sorted(person.decided))
    return known


def differences(hurt: Facts, calm: Facts) -> list[str]:
    """Return of whom two worlds do not tell the same."""
    names = [name for name in sorted(hurt.keys() | calm.keys()) if hurt.get(name) != calm.get(name)]
    return [f"facts: {name} is {hurt.get(name)}, and would be {calm.get(name)} without faults" for name in names]
