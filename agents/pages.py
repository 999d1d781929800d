"""Pages of a process that is no worker: `/metrics` for Prometheus, `/health` and `/ready` for whoever runs it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

from agents import service, telemetry
from agents.broker import ports
from agents.errors import UserError

SHUTDOWN_S: Final = 1.0  # for an answer that is under way at the end


@asynccontextmanager
async def pages(
    process: str, parts: Sequence[str], port: int | None, more: web.Application | None = None
) -> AsyncIterator[None]:
    """Serve them within the block, if there is a port, beside what `more` serves.

    Ready is the process when all its parts are.
    Raises UserError where the port is taken.
    """
    if port is None:
        yield
        return

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=telemetry.current(process).expose(), headers={"Content-Type": telemetry.CONTENT_TYPE})

    async def health(_: web.Request) -> web.Response:
        return web.Response(text="the event loop turns\n")

    async def ready(_: web.Request) -> web.Response:
        if missing := [part for part in parts if part not in service.READY]:
            return web.Response(text=f"waits for {', '.join(missing)}\n", status=503)
        return web.Response(text=f"has {', '.join(parts)}\n")

    app = more or web.Application()
    app.add_routes([web.get("/metrics", metrics), web.get("/health", health), web.get("/ready", ready)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    try:
        await _listen(runner, process, port)
        yield
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, process: str, port: int) -> None:
    try:
        await web.TCPSite(runner, port=port).start()
    except OSError:
        raise UserError(
            f"port {port}, the web port of this {process}, is taken by {ports.holder(port)}: "
            "stop that, or give another --web-port"
        ) from None
