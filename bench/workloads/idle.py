"""Idle: what a worker costs that holds 8 partitions and has nothing to do."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import psutil

from agents import broker
from bench import machine
from tests.brokers import free_port
from tests.toy_deployment import PARTITIONS, ToyDeployment

SETTLE_S = 5
MEASURE_S = 60


def run() -> int:
    """Measure for a minute and write the section."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        deployment = ToyDeployment(broker.start(home, free_port()), home)
        try:
            deployment.feed(1_000)
            worker = deployment.start()
            deployment.wait_committed(1_000)
            time.sleep(SETTLE_S)
            share = _share(psutil.Process(worker.pid))
        finally:
            deployment.close()
            broker.stop(home)
    body = (
        f"{machine.description()}.\n\nA worker with {PARTITIONS} partitions and no events for {MEASURE_S} s: "
        f"**{share * 100:.1f} % of a core**."
    )
    machine.write_section("Idle", body)
    print(body)
    return 0


def _share(process: psutil.Process) -> float:
    before = process.cpu_times()
    time.sleep(MEASURE_S)
    after = process.cpu_times()
    return float(after.user + after.system - before.user - before.system) / MEASURE_S
