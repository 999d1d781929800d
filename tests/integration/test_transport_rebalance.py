"""A rebalance that begins while a worker is still taking over the partitions of the one before."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.toy_deployment import ToyDeployment
from tests.toy_judge import FLAWLESS, flaws

pytestmark = pytest.mark.kafka

EVENTS = 40_000
RESTORE_S = "4.5"


@pytest.fixture
def deployment(broker: str, tmp_path: Path) -> Iterator[ToyDeployment]:
    """A fresh namespace, fed."""
    deployment = ToyDeployment(broker, tmp_path)
    deployment.feed(EVENTS)
    yield deployment
    deployment.close()


def test_a_restore_that_a_rebalance_overtakes_lets_nothing_flow_until_the_next_one(deployment: ToyDeployment) -> None:
    """A member that stands still holds the group between revocation and assignment; meanwhile the restore ends."""
    worker = deployment.start("w0", TOY_RESTORE_S=RESTORE_S)
    still = deployment.start("w1", TOY_RESTORE_S=RESTORE_S)
    deployment.wait_members(2)
    still.send_signal(signal.SIGSTOP)
    third = deployment.start("w2")
    deployment.wait_committed(EVENTS)
    still.kill()
    for one in (worker, third):
        one.terminate()
        _, said = one.communicate(timeout=30)
        assert one.returncode == 0, said
    assert flaws(deployment.judge()) == FLAWLESS
