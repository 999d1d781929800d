"""Fuzz everything that reads bytes from outside, each target by coverage in a process of its own (`make fuzz`)."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from tests.fuzz.targets import every

ROOT: Final = Path(__file__).resolve().parents[2]
KEPT: Final = ROOT / ".continuo" / "fuzz"  # inputs worth keeping, by target: the next run begins with them
ATHERIS: Final = ROOT / ".venv" / "fuzz"
GRACE_S: Final = 240.0  # for start-up and a last slow input
SHOWN_MAX: Final = 2_000  # characters of an input
RUNS: Final = re.compile(r"^Done (\d+) runs", re.MULTILINE)
REACHED: Final = re.compile(r"cov: (\d+)")
TOLD: Final = re.compile(r"=== Uncaught Python exception: ===\n(.*?)\n(?:INFO|==\d+==)", re.DOTALL)


@dataclass(frozen=True)
class Outcome:
    """What came of one target."""

    name: str
    inputs: int
    reached: int  # places of the code
    told: str  # of a finding; "" = none


def run(name: str, seconds: int, seed: int) -> Outcome:
    """Feed one target for some seconds."""
    folder = KEPT / name
    for old in folder.glob("found-*"):
        old.unlink()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ATHERIS)))}
    command = [sys.executable, "-m", "tests.fuzz.child", name, str(seconds), str(seed), str(folder)]
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, check=False, timeout=seconds + GRACE_S
        )
    except subprocess.TimeoutExpired:
        return Outcome(name, 0, 0, f"expected to end after {seconds} s, it did not after {GRACE_S} s more")
    said = (done.stdout + done.stderr).decode(errors="replace")
    inputs, reached = RUNS.findall(said), REACHED.findall(said)
    told = _told(name, said, done.returncode) if done.returncode else ""
    return Outcome(name, int(inputs[-1]) if inputs else 0, int(reached[-1]) if reached else 0, told)


def _told(name: str, said: str, code: int) -> str:
    """Say what was found: the error, the input, how to see it again."""
    error = TOLD.search(said)
    rest = "\n".join(line for line in said.splitlines() if not line.startswith(("#", "INFO", "WARNING")))
    lines = [error[1].strip() if error else rest[-SHOWN_MAX:], f"(exit code {code})"]
    for found in sorted((KEPT / name).glob("found-*")):
        data = repr(found.read_bytes())
        lines += [data if len(data) <= SHOWN_MAX else f"{data[:SHOWN_MAX]}…"]
        lines += [f"again: .venv/bin/python -m tests.fuzz --replay {found.relative_to(ROOT)} {name}"]
    return "\n".join(lines)


def main() -> int:
    """Feed the targets; 1 = something was found."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="only these")
    parser.add_argument("--list", action="store_true", help="say which there are, and what they may raise")
    parser.add_argument("--seconds", type=int, default=60, help="in all, start-up not counted (60)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="targets at a time (one a processor)")
    parser.add_argument("--seed", type=int, default=1, help="of chance (1)")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="give one target the bytes of a file")
    told = parser.parse_args()
    known = every()
    if unknown := [name for name in told.targets if name not in known]:
        parser.error(f"there is no target {', '.join(unknown)}; there are {', '.join(known)}")
    targets = told.targets or [*known]
    if told.list:
        for target in known.values():
            print(f"{target.name:<18}", ", ".join(error.__name__ for error in target.declared) or "–")
        return 0
    if told.replay:
        for name in targets:
            known[name].judge(told.replay.read_bytes())
        return 0
    each = max(1, told.seconds * told.jobs // len(targets))
    print(f"{len(targets)} targets, {each} s each, seed {told.seed}; what is worth keeping: {KEPT.relative_to(ROOT)}")
    found = 0
    with ThreadPoolExecutor(told.jobs) as pool:
        for outcome in pool.map(partial(run, seconds=each, seed=told.seed), targets):
            fate = "FOUND" if outcome.told else "ok"
            print(f"{outcome.name:<18}{outcome.inputs:>10,} inputs {outcome.reached:>6,} places  {fate}", flush=True)
            if outcome.told:
                found += 1
                print(outcome.told, flush=True)
    return min(found, 1)


if __name__ == "__main__":
    sys.exit(main())
