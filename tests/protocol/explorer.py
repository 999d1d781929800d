"""Explores every state that the protocol can come to, breadth first, and tells the nearest one that is wrong."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from tests.protocol.model import ABORTED, COMMITTED, RECORDS, Rules, World, steps

STATES_MAX: Final = 1_000_000  # ten times as many as there are: a mistake in the model must not fill the memory


@dataclass(frozen=True)
class Explored:
    """What came of it."""

    states: int
    steps: int
    names: frozenset[str]  # of the steps, without whose they are
    flaw: str = ""  # of the nearest bad state
    path: tuple[str, ...] = ()  # the shortest way there


def explore(rules: Rules, states_max: int = STATES_MAX) -> Explored:
    """Visit every state; stop at the first that breaks an invariant, or from which nothing leads to the end."""
    begin = World()
    before: dict[World, tuple[World, str] | None] = {begin: None}
    calmly_before: dict[World, list[World]] = {}  # by state: those from which it comes without a fault
    ends: list[World] = []
    todo = deque([begin])
    names: set[str] = set()
    count = 0

    def explored(flaw: str = "", bad: World = begin) -> Explored:
        told = frozenset(name.removeprefix("A ").removeprefix("B ") for name in names)
        return Explored(len(before), count, told, flaw, path_to(bad, before))

    while todo:
        world = todo.popleft()
        if is_end(world):
            ends.append(world)
        for step in steps(world, rules):
            count += 1
            names.add(step.name)
            after = normal(step.world)
            if not step.is_fault:
                calmly_before.setdefault(after, []).append(world)
            if after in before:
                continue
            before[after] = (world, step.name)
            flaw = broken(after) or ("" if len(before) <= states_max else f"there are more than {states_max} states")
            if flaw:
                return explored(flaw, after)
            todo.append(after)
    stuck = before.keys() - reaching(ends, calmly_before)
    if stuck:
        return explored("nothing leads to the end from here", next(world for world in before if world in stuck))
    return explored()


def broken(world: World) -> str:
    """Return what is wrong with a state, "" if nothing is."""
    if world.outputs != tuple(range(len(world.outputs))):
        return f"the outputs are those of records {world.outputs}"
    state, position = committed(world)
    if state != world.outputs or position != len(state):
        return f"committed are outputs of {world.outputs}, a state of {state}, and position {position}"
    for me, owner in enumerate(world.owners):
        if owner.phase == "running" and world.assigned == me and not (owner.is_stale or owner.is_fenced):
            held = len(owner.state) - owner.pending
            if owner.state[:held] != state or owner.position - owner.pending != position:
                return f"owner {'AB'[me]} goes on from {owner.state[:held]}, committed is {state}"
    return ""


def committed(world: World) -> tuple[tuple[int, ...], int]:
    """Return the last committed state and position."""
    last = next((row for row in reversed(world.rows) if row.fate == COMMITTED), None)
    return (last.state, last.position) if last else ((), 0)


def is_end(world: World) -> bool:
    """Tell whether everything is done, and held by the owner that the group means.

    A late `fence` of the other one may have hit it; it hears that when it has something to write.
    """
    owner = world.owners[world.assigned]
    is_held = owner.phase == "running" and not owner.is_stale
    return is_held and len(world.outputs) == RECORDS and all(row.is_marked for row in world.rows)


def normal(world: World) -> World:
    """Return the state without rows that no restore can be told from their absence: else there is no end of states."""
    number = 0
    while number < len(world.rows):
        if _is_superfluous(world, number):
            owners = [
                owner._replace(at=owner.at - (owner.at > number), end=owner.end - (owner.end > number))
                for owner in world.owners
            ]
            rows = world.rows[:number] + world.rows[number + 1 :]
            world = world._replace(rows=rows, owners=(owners[0], owners[1]))
        else:
            number += 1
    return world


def _is_superfluous(world: World, number: int) -> bool:
    row = world.rows[number]
    if not row.is_marked:
        return False
    if row.fate == ABORTED:
        return not any(owner.phase == "reading" and owner.at <= number < owner.end for owner in world.owners)
    later = (n for n, other in enumerate(world.rows) if n > number and other.is_marked and other.fate == COMMITTED)
    newer = next(later, None)
    return newer is not None and not any(
        owner.phase == "reading" and owner.at <= number < owner.end <= newer for owner in world.owners
    )


def reaching(ends: list[World], calmly_before: dict[World, list[World]]) -> set[World]:
    """Return every state from which some end is reached without a fault."""
    found = set(ends)
    todo = list(ends)
    while todo:
        for world in calmly_before.get(todo.pop(), ()):
            if world not in found:
                found.add(world)
                todo.append(world)
    return found


def path_to(world: World, before: dict[World, tuple[World, str] | None]) -> tuple[str, ...]:
    """Return the steps that led to a state."""
    names: list[str] = []
    while (came := before[world]) is not None:
        world, name = came
        names.append(name)
    return tuple(reversed(names))
