"""Every peer of the benchmark does its work in its own environment, and writes what a sequential run writes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench.kafka import Kafka, running
from bench.roster import PEERS, Peer
from bench.rounds import Plan
from bench.workloads.backlog import Backlog

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


@pytest.fixture(scope="module")
def kafka() -> Iterator[Kafka]:
    """A broker as the benchmark starts it."""
    with running() as kafka:
        yield kafka


@pytest.fixture(scope="module")
def backlogs(kafka: Kafka) -> dict[str, Backlog]:
    """The quick backlog of each workload."""
    return {work: Backlog(kafka, work, Plan(quick=True)) for work in ("W0", "W1", "W2")}


@pytest.mark.parametrize(
    ("work", "peer"), [(work, peer) for peer in PEERS for work in peer.works], ids=lambda one: getattr(one, "name", one)
)
def test_a_peer_writes_what_a_sequential_run_writes(backlogs: dict[str, Backlog], work: str, peer: Peer) -> None:
    line = backlogs[work].measure(peer)  # ends the test where a byte is wrong
    assert line["events"] == peer.kind.quick.measured
    assert line["cpu_s"] > 0
