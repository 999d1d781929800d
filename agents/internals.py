"""What is read of a worker when somebody asks, and costs nothing until then: lag, backlogs, group, event loop."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from faust.types import TP

from agents.telemetry import Telemetry
from agents.transport.app import StreamApp
from agents.transport.shard import Shard


class Internals:
    """Tells of an app's shards and of Faust as they are now."""

    def __init__(self, app: StreamApp, telemetry: Telemetry) -> None:
        self._app: Final = app
        self._telemetry: Final = telemetry
        self._chunks = 0  # told so far
        telemetry.gauge("continuo_transport_partitions").set(app.settings.partitions)

    async def read(self) -> None:
        """Read them, and how long the event loop kept us waiting for it."""
        began = time.perf_counter()
        await asyncio.sleep(0)
        self._telemetry.gauge("continuo_transport_loop_delay_seconds").set(time.perf_counter() - began)
        self._telemetry.gauge("continuo_transport_generation").set(self._app.shards.generation or 0)
        chunks = self._app.monitor.events_total
        self._telemetry.counter("continuo_transport_chunks_total").inc(chunks - self._chunks)
        self._chunks = chunks
        now = time.time()
        for number, shard in self._app.shards.shards.items():
            self._read(str(number), shard, now)

    def _read(self, number: str, shard: Shard, now: float) -> None:
        ends = self._app.monitor.tp_end_offsets
        behind = 0
        for topic in shard.sources:
            at = shard.next_offset(topic)
            behind += max(0, ends.get(TP(topic, int(number)), at) - at)
        waiting = [source.backlog[0][0].timestamp for source in shard.sources.values() if source.backlog]
        age_s = max(0.0, now - min(waiting) / 1000) if waiting else 0.0
        self._telemetry.gauge("continuo_transport_lag_records", number).set(behind)
        self._telemetry.gauge("continuo_transport_lag_seconds", number).set(age_s)
        paused = sum(source.paused for source in shard.sources.values())
        self._telemetry.gauge("continuo_transport_paused_sources", number).set(paused)
