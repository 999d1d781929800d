"""Partitions of a simulation side by side: each in a process of its own, for they share nothing."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from agents import log
from agents.progress import Screen
from agents.ranges import Range
from agents.replay.reading import Topics
from agents.settings import Settings
from agents.simulate.report import Report
from agents.simulate.simulating import simulate


def simulate_all(settings: Settings, wanted: Range, candidate: Mapping[str, Any] | None, jobs: int) -> Report:
    """Simulate every partition of a deployment, so many at once; raises UserError as `simulate` does."""
    began = time.monotonic()
    topics = Topics(settings.bootstrap, settings.namespace, lambda *_: None)
    partitions = asyncio.run(topics.partitions())
    plain = dict(candidate) if candidate is not None else None
    with ProcessPoolExecutor(min(jobs, partitions), multiprocessing.get_context("spawn")) as pool:
        tasks = [pool.submit(_simulate_one, settings, wanted, plain, number) for number in range(partitions)]
        try:
            report = tasks[0].result()
            for task in tasks[1:]:
                report.add(task.result())
        finally:
            for task in tasks:
                task.cancel()
    report.seconds = time.monotonic() - began
    return report


def _simulate_one(settings: Settings, wanted: Range, candidate: Mapping[str, Any] | None, partition: int) -> Report:
    log.configure("warning", settings.log_format)
    screen = Screen()
    try:
        topics = Topics(settings.bootstrap, settings.namespace, screen)
        return asyncio.run(simulate(topics, wanted, candidate, partition))
    finally:
        screen.close()
