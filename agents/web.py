"""Pages of a worker's web port: `/metrics` for Prometheus, `/health` and `/ready` for whoever runs it."""

from __future__ import annotations

from typing import Any, Final

from aiohttp.web import Response

from agents import telemetry
from agents.transport.app import StreamApp

METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


def serve_pages(app: StreamApp) -> None:
    """Add the pages to the app's web port."""

    @app.page("/metrics")
    async def metrics(_web: Any, _request: Any) -> Response:
        return Response(body=telemetry.current().expose(), headers={"Content-Type": METRICS_TYPE})

    @app.page("/health")
    async def health(_web: Any, _request: Any) -> Response:
        return Response(text="the event loop turns\n")

    @app.page("/ready")
    async def ready(_web: Any, _request: Any) -> Response:
        if app.shards.is_ready():
            return Response(text=f"holds partitions {', '.join(map(str, sorted(app.shards.shards))) or 'none'}\n")
        return Response(text="waits for its partitions\n", status=503)
