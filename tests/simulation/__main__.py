"""`python -m tests.simulation --seeds 1..10000 --jobs 2`: play seeds, say how it goes, explain the first that fails."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from time import monotonic
from typing import Final

from tests.simulation.campaign import Tally, explain, play_in_parallel, play_seeds
from tests.simulation.in_place import simulated
from tests.simulation.judge import Verdict

TELL_S: Final = 5.0


def main(arguments: list[str]) -> int:
    """Play the seeds; 1 if one fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description="Play the simulation from seeds.")
    parser.add_argument("--seeds", type=_seeds, default=range(1, 1001), metavar="A..B", help="or one of them (1..1000)")
    parser.add_argument("--jobs", type=int, default=1, help="processes (1)")
    parser.add_argument("--failures", type=int, default=1, help="failing seeds to find before giving up (1)")
    given = parser.parse_args(arguments)
    with simulated():
        playing = play_in_parallel(given.seeds, given.jobs) if given.jobs > 1 else play_seeds(given.seeds)
        tally = _follow(playing, len(given.seeds), given.failures)
        for seed in tally.failed:
            _say(explain(seed))
    seen = ", ".join(f"{count} {name}" for name, count in tally.mechanisms.most_common())
    _say(f"{tally.seeds} seeds, {len(tally.failed)} failed, {tally.rate:.1f} a second; seen: {seen}")
    return bool(tally.failed)


def _follow(playing: Iterator[tuple[int, Verdict]], seeds: int, failures_max: int) -> Tally:
    """Count what comes, and say from time to time how far it is."""
    tally, told_at = Tally(), monotonic()
    for seed, verdict in playing:
        tally.take(seed, verdict)
        if verdict.flaws:
            _say(f"seed {seed} fails: {verdict.flaws[0]}")
            if len(tally.failed) >= failures_max:
                break
        if monotonic() - told_at >= TELL_S:
            told_at = monotonic()
            _say(f"{tally.seeds} of {seeds} seeds, {tally.rate:.1f} a second")
    return tally


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 — the command's output


def _seeds(text: str) -> range:
    first, _, last = text.partition("..")
    return range(int(first), int(last or first) + 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
