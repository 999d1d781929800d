"""Idle: what a worker costs that holds 8 partitions and has nothing to do."""

from __future__ import annotations

import time
from typing import Final

from bench import meter, report
from bench.kafka import Kafka, running
from bench.report import middle, spread
from bench.rounds import Line, Plan, interleave
from tests.toy_deployment import PARTITIONS, ToyDeployment

SETTLE_S: Final = 5
MEASURE_S: Final = 20


def run(plan: Plan) -> None:
    """Measure and publish the section."""
    with running() as kafka:
        lines = interleave({"ours": lambda: measure(kafka, 2 if plan.quick else MEASURE_S)}, plan)
    columns = [("% of a core", spread("percent", 1)), ("broker, % of a core", middle("broker_percent", 1))]
    report.publish(
        "Idle",
        f"A worker with {PARTITIONS} partitions and no events for {MEASURE_S} s.\n\n"
        + report.table([("ours", "**our transport**")], lines, columns),
        lines,
        plan,
    )


def measure(kafka: Kafka, seconds: int) -> Line:
    """Let a worker catch up, then do nothing."""
    deployment = ToyDeployment(kafka.address, kafka.home)
    try:
        deployment.feed(1_000)
        worker = deployment.start()
        deployment.wait_committed(1_000)
        time.sleep(SETTLE_S)
        before = meter.read([worker.pid], kafka.pid)
        time.sleep(seconds)
        passed = meter.read([worker.pid], kafka.pid).since(before)
    finally:
        deployment.close()
    shares = {"percent": passed["cpu_s"], "broker_percent": passed["broker_s"]}
    return passed | {name: used / passed["wall_s"] * 100 for name, used in shares.items()}
