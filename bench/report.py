"""A section of bench/RESULTS.md: what was measured on what, a table of medians with their spread, the raw lines."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

from bench import machine
from bench.environments import HOME
from bench.rounds import Line, Plan, is_void, valid

RESULTS: Final = Path(__file__).with_name("RESULTS.md")
HEAD: Final = """# Results

Written by `make bench`; each section by its workload, as [README.md](README.md) explains.
CPU is that of the process with all its threads.
Ratios between rows of one run are what we claim; absolute figures belong to the machine.
"""

Column = tuple[str, Callable[[list[Line]], str]]  # heading, and a cell from the runs of a row that count


def spread(name: str, digits: int = 2, scale: float = 1.0) -> Callable[[list[Line]], str]:
    """Return how a figure is shown: median (lowest–highest)."""

    def cell(lines: list[Line]) -> str:
        values = [line[name] * scale for line in lines]
        return f"{median(values):,.{digits}f} ({min(values):,.{digits}f}–{max(values):,.{digits}f})"

    return cell


def middle(name: str, digits: int = 0, scale: float = 1.0) -> Callable[[list[Line]], str]:
    """Return how a figure is shown whose spread says little: its median."""
    return lambda lines: f"{median(line[name] * scale for line in lines):,.{digits}f}"


def ratio(name: str, lines: list[Line], row: str) -> Callable[[list[Line]], str]:
    """Return how a figure is shown against that of another row."""
    unit = valid(lines, row)
    if not unit:
        return lambda _: "–"
    return lambda mine: f"{median(line[name] for line in mine) / median(line[name] for line in unit):.2f}"


def table(titles: Sequence[tuple[str, str]], lines: list[Line], columns: Sequence[Column]) -> str:
    """Return the table of rows (name, title); a row of which no run counts says so."""
    text = [f"| | {' | '.join(heading for heading, _ in columns)} |", f"|---|{'---|' * len(columns)}"]
    for name, title in titles:
        if not any(line["row"] == name for line in lines):
            continue
        mine = valid(lines, name)
        cells = [cell(mine) for _, cell in columns] if mine else ["void", *[""] * (len(columns) - 1)]
        text.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(text)


def publish(title: str, body: str, lines: list[Line], plan: Plan) -> None:
    """Print a section, keep it below `.continuo/bench`, and in RESULTS.md unless it is only a try or void."""
    said = [*void_runs(lines), body.strip()]
    raw = "\n".join(["<details><summary>raw lines</summary>\n", "```json", *map(_raw, lines), "```\n", "</details>"])
    section = "\n".join([machine.description(), "", *said, *(["", raw] if lines else [])])
    print(f"\n## {title}\n\n{machine.description()}\n\n" + "\n".join(said), flush=True)
    HOME.mkdir(parents=True, exist_ok=True)
    write_section(HOME / "last.md", title, section)
    if plan.quick or plan.rows:
        print("\n(a part or a quick try: not written to RESULTS.md)")
    elif lines and all(map(is_void, lines)):
        print("\n(void: not written to RESULTS.md; measure on a machine that does nothing else)")
    else:
        write_section(RESULTS, title, section)


def void_runs(lines: Sequence[Line]) -> list[str]:
    """Return what has to be said of runs beside which others worked."""
    void = [line for line in lines if is_void(line)]
    if not void:
        return []
    worst = max(line["others"] for line in void)
    told = f"{len(void)} of {len(lines)} runs are void and count nowhere: others used up to {worst:.0%} of the machine"
    return [f"{told} meanwhile (5 % are allowed).", ""]


def write_section(path: Path, title: str, body: str) -> None:
    """Replace the section of that title in a file of results, or append it."""
    text = path.read_text(encoding="utf-8") if path.exists() else HEAD
    section = f"## {title}\n\n{body.strip()}\n"
    found = re.compile(rf"^## {re.escape(title)}\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
    text = found.sub(lambda _: section + "\n", text) if found.search(text) else f"{text.rstrip()}\n\n{section}"
    path.write_text(text.rstrip() + "\n", encoding="utf-8")


def _raw(line: Line) -> str:
    def short(value: Any) -> Any:
        return float(f"{value:.6g}") if isinstance(value, float) else value

    return json.dumps({key: short(value) for key, value in line.items()})
