"""What the API tells in metrics: requests by their answers, events by who sent them, decisions that came in time."""

from __future__ import annotations

from time import perf_counter
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from agents.api.callers import Callers
from agents.telemetry import Telemetry

OPERATIONS: Final = ("events", "decide")
OTHER: Final = "other"
STATUSES: Final = ("decided", "default")


class Tally:
    """The metrics of an API process."""

    def __init__(self, telemetry: Telemetry, callers: Callers) -> None:
        self._telemetry: Final = telemetry
        self.pending: Final = telemetry.gauge("continuo_api_pending_events")
        for operation in OPERATIONS:  # of what is not told yet there is no rate, and no share of all
            self._count(operation, web.HTTPServiceUnavailable.status_code, 0)
        telemetry.gauge("continuo_api_callers_read_at_seconds").set_function(lambda: callers.read_at)

    @web.middleware
    async def counted(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Count a request with its answer; outside of whatever makes an answer of an error."""
        began = perf_counter()
        told = request.path.strip("/")
        operation = told if told in OPERATIONS else OTHER
        try:
            answer = await handler(request)
        except Exception:
            self._count(operation, web.HTTPInternalServerError.status_code, 1)
            raise
        self._telemetry.histogram("continuo_api_request_seconds", operation).observe(perf_counter() - began)
        self._count(operation, answer.status, 1)
        return answer

    def written(self, caller: str, events: int) -> None:
        """Count events that are in Kafka."""
        self._telemetry.counter("continuo_api_events_total", caller).inc(events)

    def chosen(self, decision_point: str, status: str) -> None:
        """Count an answer about a decision point."""
        for one in STATUSES:
            self._telemetry.counter("continuo_api_choices_total", decision_point, one).inc(one == status)

    def _count(self, operation: str, status: int, number: int) -> None:
        self._telemetry.counter("continuo_api_requests_total", operation, str(status)).inc(number)
