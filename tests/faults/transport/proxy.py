"""A TCP proxy between the workers and their broker that delays, cuts and swallows, and changes nothing it passes on."""

from __future__ import annotations

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable
from contextlib import suppress

PIECE_BYTES = 1 << 16


class Link:
    """One connection through the proxy."""

    def __init__(self, here: StreamWriter, there: StreamWriter) -> None:
        self._ends = (here, there)
        self.takes_requests = self.gives_answers = True

    def cut(self) -> None:
        """Break it at both ends, without a word (RST)."""
        for end in self._ends:
            end.transport.abort()


class Proxy:
    """Passes on what comes to `port`, to another port of this machine."""

    def __init__(self, port: int, target: int) -> None:
        self._port, self._target = port, target
        self._links: set[Link] = set()
        self._server: asyncio.Server | None = None
        self.delay_s = 0.0  # of every piece, in both directions
        self.refuses = False  # whoever connects now is cut at once
        self.cut = self.swallowed = self.delayed = self.refused = 0  # links, links, pieces, links

    async def start(self) -> None:
        """Begin to listen."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self._port)

    def stop(self) -> None:
        """Cut everything and listen no more."""
        if self._server is not None:
            self._server.close()
        self.cut_all()

    def cut_all(self) -> None:
        """Break every link that is open."""
        for link in list(self._links):
            self.cut += 1
            link.cut()

    def swallow_all(self, *, requests: bool) -> None:
        """Pass on no answer any more on the open links, or not even a request: their ends do not learn of it."""
        for link in self._links:
            self.swallowed += 1
            link.gives_answers = False
            link.takes_requests = not requests

    async def _accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        if self.refuses:
            self.refused += 1
            writer.transport.abort()
            return
        try:
            answers, there = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:  # the broker is down
            writer.transport.abort()
            return
        link = Link(writer, there)
        self._links.add(link)
        await asyncio.gather(
            self._pass_on(reader, there, lambda: link.takes_requests, link),
            self._pass_on(answers, writer, lambda: link.gives_answers, link),
        )
        self._links.discard(link)

    async def _pass_on(self, source: StreamReader, sink: StreamWriter, is_open: Callable[[], bool], link: Link) -> None:
        with suppress(OSError):
            while piece := await source.read(PIECE_BYTES):
                await self._wait_delay()
                if is_open():
                    sink.write(piece)
                    await sink.drain()
        link.cut()

    async def _wait_delay(self) -> None:
        if self.delay_s:
            self.delayed += 1
            await asyncio.sleep(self.delay_s)
