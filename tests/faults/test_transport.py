"""A fixed handful of the transport's faults, short: nothing lost, nothing twice, no row wrong (all: `make faults`)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.faults.transport.grounds import Embedded
from tests.faults.transport.run import run
from tests.faults.transport.table import BY_NAME

pytestmark = pytest.mark.kafka

FIXED: Final = {"kill": 1, "kill-offsets": 2, "kill-committing": 3, "zombie": 4, "poison": 5}
"""By fault: the first seed."""
TRIES: Final = 3  # for a fault to take effect: one that comes when the last event is through has nothing to break


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    ground = Embedded(tmp_path_factory.mktemp("ground"))
    asyncio.run(ground.start())
    yield ground
    asyncio.run(ground.stop())


@pytest.mark.parametrize("name", FIXED)
def test_a_fault_takes_effect_and_violates_nothing(ground: Embedded, tmp_path: Path, name: str) -> None:
    for seed in range(FIXED[name], FIXED[name] + 100 * TRIES, 100):
        outcome = asyncio.run(run(BY_NAME[name], seed, ground, tmp_path / "kept"))
        assert outcome.wrong == {}, outcome
        assert outcome.events >= BY_NAME[name].flows[0].events
        if outcome.evidence:
            return
    pytest.fail(f"{name} took no effect in {TRIES} runs")
