"""Feeds one target by coverage until the time is over, or ends with 77 at a finding: `child NAME SECONDS SEED FOLDER`.

Runs with atheris on the path (`make fuzz`); what it found worth keeping stays in the folder, for the next run.
"""

from __future__ import annotations

import logging
import random
import sys
from pathlib import Path
from typing import Final

import atheris
import structlog

HANG_S: Final = 60  # of the wall clock: an input that takes so long is a hang, whatever else the machine does
MEMORY_MIB: Final = 2_048
SHAPED: Final = 0.8  # of the inputs are mutated as what they are, the others as bytes


def main() -> None:
    """Feed the target."""
    name, seconds, seed, corpus = sys.argv[1:]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with atheris.instrument_imports(include=["agents", "schemas", "streams"]):
        from tests.fuzz.targets import find

        target = find(name)
    from tests.fuzz.mutating import mutated

    assert target is not None, name

    def mutate(data: bytes, size_max: int, number: int) -> bytes:
        chance = random.Random(number)
        if chance.random() < SHAPED:
            return mutated(data, target.shape, chance)[:size_max]
        made: bytes = atheris.Mutate(data, size_max)
        return made

    folder = Path(corpus)
    folder.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(target.seeds()):
        (folder / f"seed-{number}").write_bytes(data)
    options = [
        *(f"-max_total_time={seconds}", f"-seed={seed}", f"-max_len={target.size_max}", f"-timeout={HANG_S}"),
        *(f"-rss_limit_mb={MEMORY_MIB}", f"-artifact_prefix={folder}/found-", "-len_control=0", "-print_final_stats=1"),
    ]
    atheris.Setup([sys.argv[0], *options, corpus], target.judge, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
