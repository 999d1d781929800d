"""The HTTP door: how many events a second it takes, and how long who asks for a decision waits for it."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Any, Final

import aiohttp

from agents.api.callers import fingerprint
from bench import crowd, meter, report
from bench.feeding import feed
from bench.histogram import Histogram
from bench.kafka import Kafka, running
from bench.report import Column, middle, spread
from bench.rounds import Line, Plan, interleave
from bench.verify import Wrong, wait_count
from bench.whole import environment, prepare, recompute_topics
from streams.records import RawEvent
from streams.topology import topic_name
from tests.brokers import free_port
from tests.processes import wait_until
from tests.scraping import page

TITLE: Final = "The HTTP door"
KEY: Final = "ck_bench"
BATCH: Final = 500  # events of a request
CLIENTS: Final = 4  # requests under way
EVENTS, EVENTS_QUICK = 200_000, 10_000
RATE: Final = 200  # decisions a second
SECONDS, SECONDS_QUICK = 20.0, 3.0
WARM_S: Final = 2.0  # at the beginning, not measured
DEADLINE_MS: Final = 5_000  # far beyond what is measured: a default would hide a late decision

_runs = count()


def run(plan: Plan) -> None:
    """Measure and publish the section."""
    with running() as kafka:
        rows = {"events": partial(take_events, kafka, plan), "decide": partial(decide, kafka, plan)}
        lines = interleave(rows, plan)
    taken: list[Column] = [
        ("events/s, wall", middle("rate")),
        ("events/s a core of the API's", spread("core_rate", 0)),
        ("µs/event", spread("us", 1)),
        ("broker, µs/event", middle("broker_us", 1)),
    ]
    waited: list[Column] = [
        *((f"p{percent:g}, ms", spread(f"p{percent:g}_ms", 1)) for percent in (50, 99, 99.9)),
        ("API, ms CPU a request", middle("api_ms", 2)),
    ]
    report.publish(
        TITLE,
        f"`POST /events`, {BATCH} events a request, {CLIENTS} requests under way; every event is on `raw-events`.\n\n"
        + report.table([("events", "events in batches")], lines, taken)
        + f"\n\n`POST /decide`, {RATE}/s in the open loop, a full decision each, one worker that commits every 50 ms; "
        "from when a\nrequest was meant to be sent to its answer. Every decision was recomputed.\n\n"
        + report.table([("decide", "decisions")], lines, waited),
        lines,
        plan,
    )


def take_events(kafka: Kafka, plan: Plan) -> Line:
    """Post batches as fast as they are answered."""
    events = EVENTS_QUICK if plan.quick else EVENTS
    namespace = f"bench-door-{next(_runs)}"
    prepare(kafka, namespace)
    bodies = [
        json.dumps([_told(crowd.purchase(n, n % crowd.PEOPLE, 0)) for n in range(at, at + BATCH)]).encode()
        for at in range(0, events, BATCH)
    ]
    with _serving(kafka, namespace) as (api, address):
        before = meter.read([api.pid], kafka.pid)
        asyncio.run(_post_all(address, bodies))
        passed = meter.read([api.pid], kafka.pid).since(before)
    wait_count(kafka.address, topic_name(namespace, "raw-events"), events)
    return {
        **passed, "rate": events / passed["wall_s"], "core_rate": events / passed["cpu_s"],
        "us": passed["cpu_s"] / events * 1e6, "broker_us": passed["broker_s"] / events * 1e6,
    }  # fmt: skip


def decide(kafka: Kafka, plan: Plan) -> Line:
    """Ask at a rate that waits for nobody."""
    seconds = SECONDS_QUICK if plan.quick else SECONDS
    people = 300 if plan.quick else crowd.PEOPLE
    namespace = f"bench-door-{next(_runs)}"
    topic = partial(topic_name, namespace)
    prepare(kafka, namespace)
    feed(kafka.address, topic("raw-events"), map(crowd.record, crowd.opening(people, meter.wall_ms())))
    events = int(RATE * (seconds + WARM_S))
    command = [sys.executable, "-m", "agents", "worker", "--web-port", str(free_port())]
    with (
        meter.Program(command, environment(kafka, namespace), kafka.home / f"{namespace}-worker") as worker,
        _serving(kafka, namespace) as (api, address),
    ):
        wait_count(kafka.address, topic("events"), people)
        before, api_before = meter.read([worker.pid, api.pid], kafka.pid), meter.cpu_s(api.pid)
        waits_s = asyncio.run(_ask_all(address, [crowd.purchase(n, n % people, 0) for n in range(events)]))
        passed = meter.read([worker.pid, api.pid], kafka.pid).since(before)
        api_s = meter.cpu_s(api.pid) - api_before
    recompute_topics(kafka, namespace, [crowd.decision_id(crowd.purchase(n, 0, 0)) for n in range(events)])
    histogram = Histogram(int(wait_s * 1e6) for wait_s in waits_s[int(RATE * WARM_S) :])
    return {
        **passed, "api_ms": api_s / events * 1000, "heard": events, "max_ms": histogram.maximum() / 1000,
        **{f"p{percent:g}_ms": histogram.percentile(percent) / 1000 for percent in (50, 90, 99, 99.9)},
    }  # fmt: skip


@contextmanager
def _serving(kafka: Kafka, namespace: str) -> Iterator[tuple[meter.Program, str]]:
    """Run an API within the block; yield it and where it is."""
    callers, port = Path(kafka.home / f"{namespace}-callers.toml"), free_port()
    callers.write_text(
        f'[keys.bench]\nsha256 = "{fingerprint(KEY)}"\nroles = ["events", "decide"]\n', encoding="utf-8"
    )
    command = [sys.executable, "-m", "agents", "api", "--callers", str(callers), "--port", str(port)]
    with meter.Program(command, environment(kafka, namespace), kafka.home / f"{namespace}-api") as api:
        wait_until("an API that is ready", lambda: page(port, "ready"))
        yield api, f"http://127.0.0.1:{port}"


@asynccontextmanager
async def _session() -> AsyncIterator[aiohttp.ClientSession]:
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    async with aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(limit=0)) as session:
        yield session


async def _post_all(address: str, bodies: list[bytes]) -> None:
    waiting = iter(bodies)

    async def client(session: aiohttp.ClientSession) -> None:
        for body in waiting:
            async with session.post(f"{address}/events", data=body) as answer:
                if answer.status != 202:
                    raise Wrong(f"expected 202, came {answer.status}: {await answer.text()}")

    async with _session() as session:
        await asyncio.gather(*(client(session) for _ in range(CLIENTS)))


async def _ask_all(address: str, events: list[RawEvent]) -> list[float]:
    """Ask when it is due, whatever became of the request before; return how long each waited, in seconds."""
    begun_at = monotonic() + 0.3

    async def ask(session: aiohttp.ClientSession, body: bytes, due_at: float) -> float:
        await asyncio.sleep(max(0.0, due_at - monotonic()))
        async with session.post(f"{address}/decide?deadline_ms={DEADLINE_MS}", data=body) as answer:
            told = await answer.json()
        if answer.status != 200 or [choice["status"] for choice in told["choices"]] != ["decided"]:
            raise Wrong(f"expected a decision, came {answer.status}: {told}")
        return monotonic() - due_at

    async with _session() as session:
        return [
            *await asyncio.gather(
                *(ask(session, json.dumps(_told(one)).encode(), begun_at + n / RATE) for n, one in enumerate(events))
            )
        ]


def _told(event: RawEvent) -> dict[str, Any]:
    """Return an event as a client tells it; it happens now."""
    return {
        "event_id": event.event_id, "profile_id": event.profile_id, "type": event.type, "source": crowd.SOURCE,
        "properties": event.properties,
    }  # fmt: skip
