"""What is the demo's own: a namespace, a folder, the settings of its processes; and how all of it is cleared away.

Nothing else is ever deleted: topics and groups are told by the namespace, files by the folder.
"""

from __future__ import annotations

import asyncio
import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agents.demo.clearing import delete_all
from agents.errors import UserError
from agents.settings import Settings

CLEAR_S: Final = 30.0  # topics take a second; a group has members until their sessions time out, 10 s after a crash


@dataclass(frozen=True)
class Estate:
    """One demo's own."""

    settings: Settings  # of its processes

    @classmethod
    def of(cls, settings: Settings, servers: str, namespace: str) -> Estate:
        """Return the estate of the demo in the deployment that the settings describe."""
        own = {"broker": servers, "home": settings.home / "demo", "mode": "history", "namespace": namespace}
        return cls(settings.model_copy(update=own))

    @property
    def home(self) -> Path:
        """Return its folder."""
        return self.settings.home

    @property
    def namespace(self) -> str:
        """Return the first word of its topics and groups."""
        return self.settings.namespace

    def log(self, name: str) -> Path:
        """Return the file to which a process prints."""
        return self.home / "logs" / f"{name}.log"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep any other demo away from the estate; raise UserError if one is there."""
        self.home.mkdir(parents=True, exist_ok=True)
        with (self.home / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UserError(
                    f"another demo is running from {self.home}: wait for it, or set CONTINUO_HOME to another folder"
                ) from None
            yield

    async def clear(self) -> int:
        """Delete what an earlier demo left and return how many topics that were."""
        for path in self.home.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != "lock":
                path.unlink()
        self.log("").parent.mkdir()
        try:
            async with asyncio.timeout(CLEAR_S):
                return await delete_all(self.settings.bootstrap, self._is_own)
        except TimeoutError:
            raise UserError(
                f"topics or groups of {self.namespace} are still there after {CLEAR_S:.0f} s: does a process use them?"
            ) from None

    def _is_own(self, name: str) -> bool:
        return name == self.namespace or name.startswith(f"{self.namespace}.")
