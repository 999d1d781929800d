"""Reads what a run left on its topics, writes `summary.json` and prints a report of it.

Run by `continuo demo`; alone, with the demo's settings: `python -m examples.grocery.report`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

from aiokafka import ConsumerRecord

from agents import settings as deployment
from agents.committed import wait_partitions
from agents.policy_topic import read_current
from agents.settings import Settings
from agents.transport.clients import reader
from examples.grocery.layout import report
from examples.grocery.reckoning import NOUNS, Reckoning
from streams.policy import compile_policy
from streams.topology import BY_NOUN, topic_name


async def reckon(settings: Settings) -> Reckoning:
    """Read the committed topics of a deployment."""
    policy = compile_policy(await read_current(settings.bootstrap, settings.namespace))
    reckoning = Reckoning(policy)
    for noun in NOUNS:
        for model in policy.models if BY_NOUN[noun].per_model else [""]:
            async for records in committed(settings.bootstrap, topic_name(settings.namespace, noun, model)):
                reckoning.take(noun, records)
    return reckoning


async def committed(servers: str, topic: str) -> AsyncIterator[Sequence[ConsumerRecord[bytes, bytes]]]:
    """Yield the committed records of a topic, up to its end as of now, a fetch at a time."""
    places = await wait_partitions(servers, topic)
    async with reader(servers, committed=False) as anything:
        ends = await anything.end_offsets(places)
    async with reader(servers, committed=True) as consumer:
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        while any([await consumer.position(place) < end for place, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                yield records


async def _main(settings: Settings) -> None:
    reckoning = await reckon(settings)
    noted = settings.home / "processes.json"
    costs: dict[str, Any] = json.loads(noted.read_text(encoding="utf-8")) if noted.exists() else {}
    summary = reckoning.summary(costs.get("worker_rss_mb", 0.0))
    (settings.home / "summary.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    print(report(summary, reckoning, costs, settings.namespace))


if __name__ == "__main__":
    asyncio.run(_main(deployment.load()))
