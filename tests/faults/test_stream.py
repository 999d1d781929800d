"""Each fault of the whole stream, with a few people: nothing is violated, and nothing grows (all: `make faults`)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from tests.faults.stream.fault import StreamFault
from tests.faults.stream.run import run_stream
from tests.faults.stream.table import STREAM
from tests.faults.transport.grounds import Embedded, Unplayable

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(1200)]

PEOPLE: Final = 150


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    ground = Embedded(tmp_path_factory.mktemp("ground"))
    asyncio.run(ground.start())
    yield ground
    asyncio.run(ground.stop())


@pytest.mark.parametrize("fault", STREAM, ids=lambda fault: fault.name)
def test_a_fault_takes_effect_and_violates_nothing(ground: Embedded, tmp_path: Path, fault: StreamFault) -> None:
    try:
        outcome = asyncio.run(run_stream(replace(fault, people=PEOPLE), 1, ground, tmp_path / "kept"))
    except Unplayable as missing:
        pytest.skip(str(missing))
    assert outcome.wrong == {}, outcome
    assert outcome.evidence, outcome
