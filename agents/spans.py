"""Spans of sampled events, sent to an OpenTelemetry collector: OTLP as JSON over HTTP, from a thread of its own.

A span's id is derived from what it is about: what a restart tells again is the same span. What a collector does not
take in time is lost, and that is said: traces are for looking, the topics are the record.
"""

from __future__ import annotations

import threading
import urllib.request
from collections import deque
from typing import Any, Final

import orjson
import structlog

from agents.settings import Settings
from agents.traces import sampled
from streams.ids import derive

PATH: Final = "/v1/traces"
FLUSH_S: Final = 1.0
TIMEOUT_S: Final = 5.0
SPANS_MAX: Final = 10_000  # that wait, some 5 MB: a collector that is away must not cost memory
CONSUMER: Final = 5  # OTLP's number for the kind of span that takes a message

_log = structlog.get_logger(__name__)


class Spans:
    """Collects the spans of one process and sends them."""

    def __init__(self, collector: str, process: str) -> None:
        self._url: Final = collector.rstrip("/") + PATH
        self._resource: Final = {"attributes": _attributes({"service.name": f"continuo-{process}"})}
        self._waiting: Final[deque[dict[str, Any]]] = deque()
        self._left_out = 0
        threading.Thread(target=self._run, name="spans", daemon=True).start()

    def add(self, name: str, traceparent: str | None, began_ms: int, ended_ms: int, **about: str | int) -> None:
        """Note what was done for an event from when to when, if its trace is sampled; `about` names what it was."""
        ids = sampled(traceparent)
        if ids is None:
            return
        if len(self._waiting) >= SPANS_MAX:
            self._left_out += 1
            return
        trace_id, parent_id = ids
        self._waiting.append({
            "traceId": trace_id,
            "spanId": derive("span", trace_id, parent_id, name, *map(str, about.values()))[:16],
            "parentSpanId": parent_id,
            "name": name,
            "kind": CONSUMER,
            "startTimeUnixNano": str(min(began_ms, ended_ms) * 1_000_000),
            "endTimeUnixNano": str(ended_ms * 1_000_000),
            "attributes": _attributes({f"continuo.{word}": value for word, value in about.items()}),
        })  # fmt: skip

    def _run(self) -> None:
        over = threading.Event()  # never: the thread ends with the process
        while not over.wait(FLUSH_S):
            if self._waiting:
                self._send()

    def _send(self) -> None:
        spans = [self._waiting.popleft() for _ in range(len(self._waiting))]
        left_out, self._left_out = self._left_out, 0
        scope = {"scope": {"name": "continuo"}, "spans": spans}
        body = orjson.dumps({"resourceSpans": [{"resource": self._resource, "scopeSpans": [scope]}]})
        request = urllib.request.Request(self._url, body, {"Content-Type": "application/json"})  # noqa: S310 — http, as the setting says
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S):  # noqa: S310 — the same
                pass
        except OSError as error:
            _log.warning("spans lost", why=str(error), lost=len(spans) + left_out)
        else:
            if left_out:
                _log.warning("spans lost", why=f"more than {SPANS_MAX} waited to be sent", lost=left_out)


def spans_of(settings: Settings, process: str) -> Spans | None:
    """Return where a process of this kind tells its spans; None if nobody wants them, or if time is not of now."""
    if settings.traces is None or settings.mode != "live":
        return None
    return Spans(settings.traces, process)


def _attributes(told: dict[str, str | int]) -> list[dict[str, Any]]:
    return [
        {"key": key, "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}}
        for key, value in told.items()
    ]
