"""Partitions side by side: each in a process of its own, for they share nothing."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

from agents import log
from agents.progress import Screen
from agents.replay.reading import Topics
from agents.settings import Settings

T = TypeVar("T")
Live = Callable[[Topics, int], Awaitable[T]]  # (topics, partition); it has to be picklable


def each_partition(settings: Settings, jobs: int, live: Live[T]) -> list[T]:
    """Return what is found of each partition of a deployment, so many at once; raises what `live` raises."""
    partitions = asyncio.run(Topics(settings.bootstrap, settings.namespace, lambda *_: None).partitions())
    with ProcessPoolExecutor(min(jobs, partitions), multiprocessing.get_context("spawn")) as pool:
        tasks = [pool.submit(_live_one, settings, live, number) for number in range(partitions)]
        try:
            return [task.result() for task in tasks]
        finally:
            for task in tasks:
                task.cancel()


def _live_one(settings: Settings, live: Live[T], partition: int) -> T:
    log.configure("warning", settings.log_format)
    screen = Screen()

    async def one() -> T:
        return await live(Topics(settings.bootstrap, settings.namespace, screen), partition)

    try:
        return asyncio.run(one())
    finally:
        screen.close()
