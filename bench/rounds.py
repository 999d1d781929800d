"""Interleaved rounds: every row once a round, so that a slow minute of the machine falls on all of them alike."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final

from bench.verify import Wrong

OTHERS_MAX: Final = 0.05  # share of the machine that other processes may use; above, a run is void
TRIES: Final = 2  # of a run that others disturbed

Line = dict[str, Any]  # what one run measured, as it is kept: "row", "others", and its figures


@dataclass(frozen=True)
class Plan:
    """How thorough to be."""

    rounds: int = 3
    quick: bool = False  # small and once: to see that everything works, not to measure
    rows: tuple[str, ...] = ()  # these only; all if empty
    soak_s: int = 60

    def chosen(self, names: list[str]) -> list[str]:
        """Return the names of the rows to run; ends the benchmark when one is asked for that is not there."""
        strange = [name for name in self.rows if name not in names]
        if strange:
            raise SystemExit(f"--rows: there is no {', '.join(strange)} here; there are {', '.join(names)}")
        return [name for name in names if not self.rows or name in self.rows]


def interleave(runs: Mapping[str, Callable[[], Line]], plan: Plan) -> list[Line]:
    """Run each of `runs` once a round and return all lines, void ones included, telling how far it is."""
    lines: list[Line] = []
    took: dict[str, float] = {}
    names = plan.chosen(list(runs))
    for number in range(1, plan.rounds + 1):
        for name in names:
            began = monotonic()
            for attempt in range(1 if plan.quick else TRIES):
                line = {"row": name, "round": number, **_verified(name, runs[name])}
                lines.append(line)
                told = "  void: others used the machine" if is_void(line) else ""
                print(f"  {number}/{plan.rounds} {name}: {_short(line)}{told}", flush=True)
                if not told or attempt:
                    break
            took[name] = monotonic() - began
            _tell_left(names, name, number, took, plan)
    return lines


def _verified(name: str, run: Callable[[], Line]) -> Line:
    try:
        return run()
    except Wrong as error:
        raise SystemExit(f"void: {name} did not write what it has to: {error}") from error


def is_void(line: Line) -> bool:
    """Tell whether others used too much of the machine during a run."""
    return bool(line.get("others", 0.0) > OTHERS_MAX)


def valid(lines: list[Line], row: str) -> list[Line]:
    """Return a row's runs that count."""
    return [line for line in lines if line["row"] == row and not is_void(line)]


def _tell_left(names: list[str], name: str, number: int, took: Mapping[str, float], plan: Plan) -> None:
    if len(took) < len(names):
        return
    left = sum(took[later] for later in names[names.index(name) + 1 :]) + (plan.rounds - number) * sum(took.values())
    if left > 5:
        print(f"    about {left / 60:.1f} min left", flush=True)


def _short(line: Line) -> str:
    return json.dumps({key: round(value, 3) if isinstance(value, float) else value for key, value in line.items()
                       if key not in ("row", "round") and not isinstance(value, (dict, list))})  # fmt: skip
