"""The API process: it reads a request, writes its events, and for `POST /decide` waits for what is decided.

Theory of operation. Nothing is kept here: an answer of 202 means that every event of the request is in Kafka, all
copies in sync, and whoever got no answer repeats the request; the shard knows the events by their ids. So any number of
these processes may run, anywhere, and each may be killed at any time. A decision is told only once it is committed: an
uncommitted one may yet be decided otherwise.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import msgspec
from aiohttp import web
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from agents import raw_events
from agents.api import intake, openapi
from agents.api.callers import Callers, Default, Role
from agents.api.contract import BODY_BYTES_MAX, Accepted, Choice, Decided, EventTold
from agents.api.following import Current, Decisions
from agents.api.problems import Fault, Problem
from agents.api.tally import Tally
from agents.codecs.avro import encode_raw_event
from agents.committed import wait_partitions
from agents.service import READY, started
from agents.settings import Settings
from agents.telemetry import Telemetry
from agents.transport.clients import new_writer
from streams.ids import derive
from streams.partition import partition_of
from streams.policy import Policy
from streams.records import RawEvent
from streams.topology import topic_name

PARTS: Final = ("policy", "decisions", "events")
ACK_S: Final = 10.0  # a broker that restarts is back by then, or the client is told to come again
PENDING_MAX: Final = 20_000  # events that wait for their acknowledgement: 20 full requests; 20 MB where each has 1 KB
JSON: Final = "application/json"

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Door:
    """What the requests of a process share."""

    def __init__(self, settings: Settings, callers: Callers, telemetry: Telemetry) -> None:
        self._settings: Final = settings
        self._callers: Final = callers
        self._tally: Final = Tally(telemetry, callers)
        self._current: Final = Current()
        self._decisions: Final = Decisions()
        self._topic: Final = topic_name(settings.namespace, "raw-events")
        self._producer: AIOKafkaProducer | None = None
        self._partitions = 0
        self._pending = 0
        self._broken: asyncio.Future[None] | None = None

    def application(self) -> web.Application:
        """Return the routes."""
        app = web.Application(client_max_size=BODY_BYTES_MAX, middlewares=[self._tally.counted, problems_told])
        app.add_routes([
            web.post("/events", self._take_events),
            web.post("/decide", self._decide),
            web.get("/openapi.json", self._document, allow_head=False),
        ])  # fmt: skip
        return app

    async def run(self, stop: asyncio.Event) -> None:
        """Be able to answer, until `stop`; raises what the transport raises."""
        self._broken = asyncio.get_running_loop().create_future()
        self._partitions = len(await wait_partitions(self._settings.bootstrap, self._topic))
        producer = new_writer(self._settings.bootstrap, enable_idempotence=True)
        async with started(producer):
            self._producer = producer
            READY.add("events")
            followers: list[asyncio.Future[Any]] = [
                asyncio.ensure_future(work)
                for work in (
                    stop.wait(), self._current.follow(self._settings), self._decisions.follow(self._settings),
                    self._callers.follow(),
                )
            ]  # fmt: skip
            done, _ = await asyncio.wait([self._broken, *followers], return_when=asyncio.FIRST_COMPLETED)
            for task in followers:
                task.cancel()
            await asyncio.wait(followers)  # their consumers end
            for ended in done:
                ended.result()  # raises what a follower failed of

    # answers

    async def _take_events(self, request: web.Request) -> web.Response:
        caller, events = await self._events(request, "events", many=True)
        await self._write(caller, events)
        return _json(Accepted(len(events), [event.event_id for event in events]), 202)

    async def _decide(self, request: web.Request) -> web.Response:
        begun = asyncio.get_running_loop().time()
        caller, (event,) = await self._events(request, "decide", many=False)
        points = [point.name for point in self._policy().points_by_trigger.get(event.type, ())]
        if not points:
            raise Problem(422, f"{event.type!r} triggers no decision point of the current policy")
        patience_ms = _deadline_ms(request, self._callers.decide_ms_max)
        defaults = [self._callers.defaults.get(point, Default()) for point in points]
        declared_ms = min(self._callers.decide_ms_max, max(default.deadline_ms for default in defaults))
        deadline = begun + (patience_ms or declared_ms) / 1000
        writing = asyncio.ensure_future(self._write(caller, [event]))
        writing.add_done_callback(_look_at)
        asked = zip(points, defaults, strict=True)
        choices = await asyncio.gather(*(self._choice(event, *one, deadline, writing) for one in asked))
        for choice in choices:
            self._tally.chosen(choice.decision_point, choice.status)
        return _json(Decided(event.event_id, [*choices]), 200)

    async def _choice(
        self, event: RawEvent, point: str, default: Default, deadline_s: float, writing: asyncio.Future[None]
    ) -> Choice:
        """Return what is decided by then, else what is declared."""
        decision_id = derive("decision", point, event.source, event.event_id)
        waiting = asyncio.ensure_future(self._decisions.wait(decision_id, deadline_s))
        either: list[asyncio.Future[Any]] = [waiting, writing]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if writing.done() and writing.exception() is not None:
            waiting.cancel()
            writing.result()  # raises: for an event that could not be written nobody need wait
        found = await waiting
        if found is None:
            told = default.action, default.treatment, default.delivery_channel
            return Choice(point, decision_id, "default", *told, None, "no_decision_in_time")
        told = found.action, found.treatment, found.delivery_channel
        return Choice(point, decision_id, "decided", *told, found.activation_id, found.reason)

    async def _document(self, _request: web.Request) -> web.Response:
        return _json(openapi.document(self._policy(), self._callers.decide_ms_max), 200)

    # what they are made of

    async def _events(self, request: web.Request, role: Role, *, many: bool) -> tuple[str, list[RawEvent]]:
        """Return who makes a request, and its events, if he may make it; raises Problem."""
        body = await request.read()
        caller = self._callers.caller(request.headers, body, role, time.time())
        if request.content_type != JSON:
            raise Problem(415, f"Content-Type: expected {JSON}, came {request.content_type!r}")
        told: list[EventTold] = intake.read(body, many=many)
        events = intake.complete(told, caller, request.headers, _now())
        intake.hold_against(self._policy(), events, _now(), live=self._settings.mode == "live")
        return caller.name, events

    def _policy(self) -> Policy:
        if self._current.policy is None:
            raise Problem(503, "no policy is published yet; `continuo run --policy FOLDER` does it", (), _RETRY)
        return self._current.policy

    async def _write(self, caller: str, events: Sequence[RawEvent]) -> None:
        """Return when all of them are in Kafka, every copy in sync; raises Problem where that is not certain."""
        if self._producer is None or self._pending + len(events) > PENDING_MAX:
            raise Problem(503, f"expected at most {PENDING_MAX} events under way; come again", (), _RETRY)
        values = [encode_raw_event(event) for event in events]
        most = raw_events.VALUE_BYTES_MAX
        if large := [number for number, value in enumerate(values) if len(value) > most]:
            faults = [Fault(f"event {n}", "too_large", f"{len(values[n])} bytes as Avro") for n in large]
            raise Problem(413, f"expected at most {most} bytes an event; none was taken", faults)
        self._keep_pending(len(events))
        try:
            async with asyncio.timeout(ACK_S):
                acknowledged = [
                    await self._producer.send(self._topic, value, event.profile_id.encode(), self._place(event))
                    for event, value in zip(events, values, strict=True)
                ]
                await asyncio.gather(*acknowledged)
            self._tally.written(caller, len(events))
        except (KafkaError, TimeoutError) as error:
            if isinstance(error, KafkaError) and not error.retriable and self._broken and not self._broken.done():
                self._broken.set_exception(error)
            told = f"not certain that all is in Kafka ({type(error).__name__})"
            raise Problem(503, f"{told}: repeat it with the same ids or the same key", (), _RETRY) from error
        finally:
            self._keep_pending(-len(events))

    def _keep_pending(self, more: int) -> None:
        self._pending += more
        self._tally.pending.set(self._pending)

    def _place(self, event: RawEvent) -> int:
        return partition_of(event.profile_id, self._partitions)


_RETRY: Final = {"Retry-After": "1"}


@web.middleware
async def problems_told(request: web.Request, handler: Answer) -> web.StreamResponse:
    """Tell whatever is wrong in one form."""
    try:
        return await handler(request)
    except Problem as problem:
        return problem.answer()
    except web.HTTPRequestEntityTooLarge:
        return Problem(413, f"expected a body of at most {BODY_BYTES_MAX} bytes").answer()
    except web.HTTPException as error:
        headers = {name: text for name, text in error.headers.items() if name == "Allow"}
        return Problem(error.status, f"{request.method} {request.path}: {error.reason}", (), headers).answer()


def _deadline_ms(request: web.Request, most: int) -> int:
    """Return how long the client waits; 0 = as long as is declared."""
    told = request.query.get("deadline_ms")
    if told is None:
        return 0
    if not (told.isascii() and told.isdigit() and len(told) < 8 and 0 < int(told) <= most):
        raise Problem(400, f"deadline_ms: expected 1 to {most}, came {told[:40]!r}")
    return int(told)


def _look_at(writing: asyncio.Future[None]) -> None:
    """Take note of a failure: where the deadline came first, nobody else does."""
    if not writing.cancelled():
        writing.exception()


def _json(told: object, status: int) -> web.Response:
    return web.Response(body=msgspec.json.encode(told), status=status, content_type=JSON)


def _now() -> int:
    return time.time_ns() // 1_000_000
