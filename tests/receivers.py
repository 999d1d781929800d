"""A receiver of webhooks: a real HTTP server, in a thread of its own, that misbehaves when it is told to."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Self

from aiohttp import web


@dataclass(frozen=True)
class Manner:
    """How one call is answered: whether it is carried out, and what the caller hears of it, and when."""

    status: int = 200
    carries_out: bool = True
    wait_s: float = 0.0
    body: Any = None


Behave = Callable[[str, int], Manner]  # (idempotency key, how many calls came under it before)
GOOD: Final = Manner()


class Receiver:
    """Notes every call, and carries out each key once if `knows_repetitions`; within its block it listens."""

    def __init__(self, behave: Behave = lambda _key, _before: GOOD, *, knows_repetitions: bool = True) -> None:
        self.behave = behave
        self.calls: Final[list[tuple[str, Any, dict[str, str]]]] = []  # (key, body, headers)
        self.effects: Final[Counter[str]] = Counter()
        self.queries: Final[Counter[str]] = Counter()
        self.url = ""
        self._knows_repetitions: Final = knows_repetitions
        self._loop: Final = asyncio.new_event_loop()
        self._thread: Final = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._runner: web.AppRunner | None = None
        self._port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self.listen()
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def listen(self) -> None:
        """Listen, from the second time on at the port of the first."""
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)

    def leave(self) -> None:
        """Refuse connections, and cut those there are."""
        asyncio.run_coroutine_threadsafe(self._leave(), self._loop).result(10)

    def keys(self) -> Counter[str]:
        """Return how often each key was called."""
        return Counter(key for key, _, _ in self.calls)

    async def _listen(self) -> None:
        if self._runner is not None:
            return
        app = web.Application()
        app.router.add_post("/send", self._send)
        app.router.add_get("/status/{key}", self._status)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True)
        await site.start()
        self._port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self._port}"

    async def _leave(self) -> None:
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _send(self, request: web.Request) -> web.Response:
        key = request.headers["Idempotency-Key"]
        manner = self.behave(key, self.keys()[key])
        self.calls.append((key, await request.json(), dict(request.headers)))
        if manner.carries_out and not (self._knows_repetitions and self.effects[key]):
            self.effects[key] += 1
        await _wait(manner.wait_s)
        return web.json_response(manner.body, status=manner.status)

    async def _status(self, request: web.Request) -> web.Response:
        key = request.match_info["key"]
        self.queries[key] += 1
        return web.json_response({"state": "sent"}, status=200 if self.effects[key] else 404)


async def _wait(seconds: float) -> None:
    await asyncio.sleep(seconds)
