"""W7: from one worker to two to four and back to two, under a steady stream: how long a partition is silent."""

from __future__ import annotations

import subprocess
from time import monotonic
from typing import Final

from bench import meter, report
from bench.kafka import Kafka, running
from bench.report import spread
from bench.rounds import Line, Plan, interleave
from bench.verify import Wrong
from bench.workloads.failover import pauses_after
from tests.toy_deployment import PARTITIONS, ToyDeployment, wait_until
from tests.toy_judge import FLAWLESS, flaws

TITLE: Final = "W7: one worker, two, four, two"
RATE, RATE_QUICK = 4_000, 1_000
STEP_S, STEP_S_QUICK = 5, 3  # of the stream, from one change to the next
PATIENCE_S: Final = 120.0
CHANGES: Final = (("1 → 2", ("w1",), ()), ("2 → 4", ("w2", "w3"), ()), ("4 → 2", (), ("w2", "w3")))


def run(plan: Plan) -> None:
    """Measure and publish the section."""
    with running() as kafka:
        lines = interleave({"ours": lambda: measure(kafka, plan)}, plan)
    rows = [(change, spread(change)) for change, _, _ in CHANGES]
    table = [
        "| | longest silence of a partition, s: median (lowest–highest) |",
        "|---|---|",
        *(f"| {change} workers | {cell(lines)} |" for change, cell in rows),
    ]
    report.publish(
        TITLE,
        f"{RATE:,} events a second, {PARTITIONS} partitions; workers come and go, nothing is lost or doubled.\n"
        "A silence includes the 50 ms of a commit.\n\n" + "\n".join(table),
        lines,
        plan,
    )


def measure(kafka: Kafka, plan: Plan) -> Line:
    """Change the number of workers under a steady stream, and judge what came of it."""
    rate, step_s = (RATE_QUICK, STEP_S_QUICK) if plan.quick else (RATE, STEP_S)
    events = rate * step_s * (len(CHANGES) + 1)
    deployment = ToyDeployment(kafka.address, kafka.home)
    workers = {"w0": deployment.start("w0")}
    tail = deployment.tail()
    feeder = deployment.feeding(events, rate)
    before = meter.read([], kafka.pid)
    changed: list[tuple[str, float]] = []
    try:
        for number, (change, more, fewer) in enumerate(CHANGES, 1):
            mark = rate * step_s * number
            wait_until(lambda mark=mark: tail.count() >= mark, PATIENCE_S, f"{mark} events")  # type: ignore[misc]
            changed.append((change, monotonic()))
            workers |= {name: deployment.start(name) for name in more}
            for name in fewer:
                _end(workers.pop(name))
        wait_until(lambda: tail.count() >= events, PATIENCE_S, "the last event")
        seen = tail.seen
        for worker in workers.values():
            _end(worker)
    finally:
        feeder.join()
        tail.close()
        deployment.close()
    wrong = flaws(deployment.judge())
    if wrong != FLAWLESS:
        raise Wrong(f"after workers came and went: {wrong}")
    passed = meter.read([], kafka.pid).since(before)
    ends = [*(at for _, at in changed[1:]), seen[-1][0]]
    silent = {
        change: max(pauses_after(at, [one for one in seen if one[0] <= end]))
        for (change, at), end in zip(changed, ends, strict=True)
    }
    return {"wall_s": passed["wall_s"], "broker_s": passed["broker_s"], **silent}


def _end(worker: subprocess.Popen[str]) -> None:
    worker.terminate()
    worker.communicate(timeout=PATIENCE_S)
