"""Many seeds, in several processes; a failing one is shrunk and told with all that is needed to see it again."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from time import monotonic
from typing import Final

from tests.simulation.in_place import simulated
from tests.simulation.judge import Verdict, judge
from tests.simulation.script import draw, played
from tests.simulation.shrink import shrink, told

SEEDS_A_TASK: Final = 20
FLAWS_TOLD: Final = 5


@dataclass
class Tally:
    """How far a campaign is."""

    seeds: int = 0
    failed: list[int] = field(default_factory=list)
    mechanisms: Counter[str] = field(default_factory=Counter)
    began_at: float = field(default_factory=monotonic)

    @property
    def rate(self) -> float:
        """Return seeds a second."""
        return self.seeds / max(monotonic() - self.began_at, 1e-9)

    def take(self, seed: int, verdict: Verdict) -> None:
        """Count a seed."""
        self.seeds += 1
        self.mechanisms += verdict.mechanisms
        if verdict.flaws:
            self.failed.append(seed)


def play_seeds(seeds: Iterable[int]) -> Iterator[tuple[int, Verdict]]:
    """Play seeds in this process, where the simulation is in place."""
    for seed in seeds:
        yield seed, judge(draw(seed))


def play_in_parallel(seeds: range, jobs: int) -> Iterator[tuple[int, Verdict]]:
    """Play seeds in so many processes, in no particular order."""
    tasks = [seeds[at : at + SEEDS_A_TASK] for at in range(0, len(seeds), SEEDS_A_TASK)]
    with multiprocessing.get_context("fork").Pool(jobs) as pool:
        for verdicts in pool.imap_unordered(_play, tasks):
            yield from verdicts


def _play(seeds: range) -> list[tuple[int, Verdict]]:
    with simulated():
        return list(play_seeds(seeds))


def explain(seed: int) -> str:
    """Return what is wrong with a seed, its script as small as it gets, and what happens in that; "" = nothing.

    The simulation is in place.
    """
    whole = draw(seed)
    broken = judge(whole).broken
    if not broken:
        return ""
    small = shrink(whole, lambda shorter: bool(judge(shorter).broken & broken))
    story: list[str] = []
    try:
        with played(small, story.append):
            story.append("and it comes to rest")
    except Exception as error:  # noqa: BLE001 — that is what the story is about
        story.append(f"{type(error).__name__}: {error}")
    return "\n".join([
        f"seed {seed} ({whole.mode}) fails; {len(small.happenings)} of {len(whole.happenings)} happenings are enough:",
        *(f"  {flaw}" for flaw in judge(small).flaws[:FLAWS_TOLD]),
        *("what happens:", *(f"  {line}" for line in story)),
        *("as data:", told(small)),
        f"again: .venv/bin/python -m tests.simulation --seeds {seed}",
    ])  # fmt: skip
