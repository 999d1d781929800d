"""Pages of a worker's web port: `/metrics` for Prometheus, `/health` and `/ready` for whoever runs it."""

from __future__ import annotations

from faust.web import Request, Response, View

from agents import telemetry
from agents.internals import Internals
from agents.transport.app import StreamApp


def serve_pages(app: StreamApp) -> None:
    """Add the pages to the app's web port."""
    internals = Internals(app, telemetry.current())

    @app.page("/metrics")
    async def metrics(view: View, _request: Request) -> Response:
        await internals.read()
        return view.bytes(telemetry.current().expose(), content_type=telemetry.CONTENT_TYPE)

    @app.page("/health")
    async def health(view: View, _request: Request) -> Response:
        return view.text("the event loop turns\n")

    @app.page("/ready")
    async def ready(view: View, _request: Request) -> Response:
        if app.shards.is_ready():
            return view.text(f"holds partitions {', '.join(map(str, sorted(app.shards.shards))) or 'none'}\n")
        return view.text("waits for its partitions\n", status=503)
