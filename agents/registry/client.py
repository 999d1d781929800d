"""A client of a schema registry that speaks Confluent's protocol, ours or another."""

from __future__ import annotations

import json
from typing import Any, Final
from urllib.parse import quote

from aiohttp import ClientError, ClientSession, ClientTimeout

from agents.errors import UserError
from agents.registry.answers import CONTENT_TYPE

TIMEOUT_S: Final = 30.0  # of one request; a registry that starts is slow
SHOWN_MAX: Final = 300  # characters of what it says
EX_UNAVAILABLE: Final = 69


class RegistryClient:
    """The requests that `continuo schemas` makes; what is refused or does not answer is a UserError."""

    def __init__(self, session: ClientSession, url: str) -> None:
        self._session: Final = session
        self._url: Final = url.rstrip("/")

    async def subjects(self) -> list[str]:
        """Return the subjects that it has."""
        return [str(subject) for subject in await self._ask("GET", "/subjects") or ()]

    async def schema(self, number: int) -> str | None:
        """Return the schema of an id as the registry has it, None where it has none."""
        entry = await self._ask("GET", f"/schemas/ids/{number}")
        return None if entry is None else str(entry["schema"])

    async def versions(self, subject: str) -> dict[int, Any]:
        """Return the schemas of a subject by version; none where there is no such subject."""
        there = await self._ask("GET", f"/subjects/{quote(subject)}/versions") or []
        found = {}
        for version in there:
            entry = await self._ask("GET", f"/subjects/{quote(subject)}/versions/{version}") or {}
            found[int(version)] = json.loads(entry["schema"])
        return found

    async def look_up(self, subject: str, schema: Any) -> int | None:
        """Return the registry's id of a schema under a subject, None where it does not have it."""
        entry = await self._ask("POST", f"/subjects/{quote(subject)}", {"schema": json.dumps(schema)})
        return None if entry is None else int(entry["id"])

    async def compatibility(self, subject: str) -> str | None:
        """Return the rule that is set for a subject, None where none is."""
        told = await self._ask("GET", f"/config/{quote(subject)}")
        return None if told is None else str(told["compatibilityLevel"])

    async def demand(self, subject: str, compatibility: str) -> None:
        """Set the rule of a subject."""
        await self._ask("PUT", f"/config/{quote(subject)}", {"compatibility": compatibility})

    async def register(self, subject: str, schema: Any) -> int:
        """Add a schema to a subject and return the registry's id."""
        entry = await self._ask("POST", f"/subjects/{quote(subject)}/versions", {"schema": json.dumps(schema)})
        if entry is None:
            raise self._refused("POST", f"/subjects/{subject}/versions", 404, "")
        return int(entry["id"])

    async def _ask(self, method: str, path: str, body: Any = None) -> Any:
        """Return what is answered, None for 404; raises UserError for all else that is not 200."""
        try:
            async with self._session.request(
                method,
                self._url + path,
                data=None if body is None else json.dumps(body),
                headers={"Content-Type": CONTENT_TYPE, "Accept": CONTENT_TYPE},
                timeout=ClientTimeout(TIMEOUT_S),
            ) as answer:
                status, text = answer.status, await answer.text()
        except (ClientError, OSError, TimeoutError) as error:
            raise UserError(
                f"no schema registry answers at {self._url} ({type(error).__name__}: {error}): start it, "
                "or name another by --registry or CONTINUO_REGISTRY",
                EX_UNAVAILABLE,
            ) from None
        try:
            told = json.loads(text)
            if status == 404 and "error_code" in told:
                return None
        except (ValueError, TypeError):
            raise self._refused(method, path, status, text) from None
        if status != 200:
            raise self._refused(method, path, status, told.get("message", text) if isinstance(told, dict) else text)
        return told

    def _refused(self, method: str, path: str, status: int, said: str) -> UserError:
        return UserError(
            f"the schema registry at {self._url} answered {method} {path} with {status}: "
            f"{said[:SHOWN_MAX] or 'nothing'}; expected what Confluent's answers"
        )
