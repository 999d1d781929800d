"""An OpenTelemetry collector that keeps what it gets: read by OpenTelemetry's own definition of the protocol."""

from __future__ import annotations

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

IDS: Final = ("traceId", "spanId", "parentSpanId")  # hex in OTLP's JSON, base64 in protobuf's own


class Collector:
    """Listens on a port of its own."""

    def __init__(self) -> None:
        self._requests: Final[list[ExportTraceServiceRequest]] = []
        taken = self._requests

        class Traces(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                is_ours = (self.path, self.headers["Content-Type"]) == ("/v1/traces", "application/json")
                taken.append(read(json.loads(body)))
                self.send_response(200 if is_ours else 400)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Traces)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def spans(self) -> list[Span]:
        """Return the spans that came, in order."""
        return [
            span
            for request in self._requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def services(self) -> set[str]:
        """Return whose they were."""
        resources = [one.resource for request in self._requests for one in request.resource_spans]
        return {attribute.value.string_value for one in resources for attribute in one.attributes}

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def read(told: dict[str, Any]) -> ExportTraceServiceRequest:
    """Return a request as the protocol's definition reads it; a field that it does not have is an error."""
    for resource in told["resourceSpans"]:
        for span in (span for scope in resource["scopeSpans"] for span in scope["spans"]):
            for name in IDS:
                span[name] = base64.b64encode(bytes.fromhex(span[name])).decode()
    request: ExportTraceServiceRequest = ParseDict(told, ExportTraceServiceRequest())
    return request
