"""What is wrong with a request, as an answer: RFC 9457's `application/problem+json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final

import msgspec
from aiohttp import web

CONTENT_TYPE: Final = "application/problem+json"
SHOWN_MAX: Final = 20  # things wrong that one answer tells


class Fault(msgspec.Struct, frozen=True):
    """One thing that is wrong: where in the request, and what was expected and came there."""

    where: str
    cause: str
    detail: str


class Problem(Exception):
    """Answer with this status, and say why."""

    def __init__(
        self, status: int, detail: str, faults: Sequence[Fault] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status: Final = status
        self.detail: Final = detail
        self.faults: Final = faults
        self.headers: Final = headers or {}

    def answer(self) -> web.Response:
        """Return the answer."""
        told = {
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "faults": self.faults[:SHOWN_MAX],
        }
        body = msgspec.json.encode(told)
        return web.Response(body=body, status=self.status, content_type=CONTENT_TYPE, headers=self.headers)
