"""Makes a failing script small: what can be left out while the same invariant breaks is left out."""

from __future__ import annotations

from collections.abc import Callable

from tests.simulation.script import Script
from tests.simulation.world import Happening

Fails = Callable[[Script], bool]


def shrink(script: Script, fails: Fails) -> Script:
    """Return the script without any happening that can be left out alone, and with small numbers where they do."""
    kept = list(script.happenings)
    size = max(1, len(kept) // 2)
    while True:
        before = len(kept)
        kept = _without_runs(script, kept, size, fails)
        if size > 1:
            size //= 2
        elif len(kept) == before:
            break
    for at, happening in enumerate(kept):
        simple = [*kept[:at], Happening(happening.what, 0), *kept[at + 1 :]]
        if happening.number and fails(script.keeping(simple)):
            kept = simple
    return script.keeping(kept)


def _without_runs(script: Script, happenings: list[Happening], size: int, fails: Fails) -> list[Happening]:
    """Leave out every run of this size that can be, from the end on: what comes late needs what came before."""
    kept = happenings
    at = len(kept) - size
    while at > -size:
        start = max(0, at)
        shorter = kept[:start] + kept[start + size :]
        if len(shorter) < len(kept) and fails(script.keeping(shorter)):
            kept = shorter
        at = min(at, len(kept)) - size
    return kept


def told(script: Script) -> str:
    """Return a script as Python, to be pasted into a test."""
    lines = [f'    Happening("{one.what}", {one.number}),' for one in script.happenings]
    compared = ", is_compared=True" if script.is_compared else ""
    return "\n".join([f'Script("{script.mode}", (', *lines, f"){compared})"])
