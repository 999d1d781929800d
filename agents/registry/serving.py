"""The read-only registry on a worker's web port."""

from __future__ import annotations

import json
from typing import Any, Final, cast

from aiohttp import web
from faust.web import View

from agents.registry.answers import CONTENT_TYPE, Registry
from agents.transport.app import StreamApp

ROOTS: Final = ("/subjects", "/schemas", "/config", "/mode")


def serve_registry(app: StreamApp, namespace: str) -> None:
    """Add Confluent's paths to the app's web port."""
    registry = Registry(namespace)

    class Page(View):
        """Whatever lies under one of the roots, by any method: what writes is refused by the registry itself."""

        async def get(self, request: Any, **_: Any) -> Any:
            """Answer a request."""
            came = cast("web.Request", request)
            status, body = registry.answer(came.method, came.path, came.query, await came.read())
            return web.Response(status=status, body=json.dumps(body).encode(), content_type=CONTENT_TYPE)

        async def post(self, request: Any, **_: Any) -> Any:
            """Answer a request."""
            return await self.get(request)

        async def put(self, request: Any, **_: Any) -> Any:
            """Answer a request."""
            return await self.get(request)

        async def delete(self, request: Any, **_: Any) -> Any:
            """Answer a request."""
            return await self.get(request)

    for root in ROOTS:
        app.page(root + "{rest:(/.*)?}", name=f"registry{root}")(Page)
