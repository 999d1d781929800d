"""The HTTP API as a process of a deployment, and somebody who asks it."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Final

from agents.api.callers import fingerprint
from tests.brokers import free_port
from tests.processes import Deployment, wait_until
from tests.scraping import page

KEY: Final = "ck_of-everybody-who-tests"
READER: Final = "ck_of-somebody-who-may-only-tell"
SECRET: Final = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
CALLERS: Final = f"""
[keys.website]
sha256 = "{fingerprint(KEY)}"
roles = ["events", "decide"]
sources = ["*"]

[keys.till]
sha256 = "{fingerprint(READER)}"
roles = ["events"]

[webhooks.shop]
secret_file = "shop.secret"
"""


class Caller:
    """Somebody who asks the API on a port of this machine."""

    def __init__(self, port: int, key: str = KEY) -> None:
        """Ask there, with this key where no other is named."""
        self.port = port
        self._key = key
        self.answered: set[str] = set()  # ids of events that it took

    @property
    def address(self) -> str:
        """Return where it is."""
        return f"http://127.0.0.1:{self.port}"

    def post(self, path: str, body: Any, key: str | None = "", **headers: str) -> tuple[int, Any]:
        """Return status and answer to a body, which is bytes or something to be said as JSON; key: None = without."""
        said = body if isinstance(body, bytes) else json.dumps(body).encode()
        told = {"Content-Type": "application/json", **{name.replace("_", "-"): text for name, text in headers.items()}}
        if key is not None:
            told["Authorization"] = f"Bearer {key or self._key}"
        status, answer = self._answer(urllib.request.Request(self.address + path, said, told, method="POST"))
        if status < 300:
            self.answered |= {*answer.get("event_ids", ()), *([answer["event_id"]] if "event_id" in answer else ())}
        return status, answer

    def get(self, path: str) -> tuple[int, Any]:
        """Return status and answer."""
        return self._answer(urllib.request.Request(self.address + path))

    def _answer(self, request: urllib.request.Request) -> tuple[int, Any]:
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            refused = error
        assert refused.headers["Content-Type"].startswith("application/problem+json"), refused.headers
        return refused.code, json.load(refused)


class Api(Caller):
    """One process that serves the API, and somebody who asks it."""

    def __init__(self, deployment: Deployment, callers: str = CALLERS, until: str = "ready") -> None:
        """Start it, and wait until this page of it has come."""
        super().__init__(free_port())
        self.callers: Path = deployment.home / f"callers-{self.port}.toml"
        self.callers.write_text(callers)
        (deployment.home / "shop.secret").write_text(SECRET + "\n")
        told = ("api", "--callers", str(self.callers), "--port", str(self.port))
        self.process: subprocess.Popen[bytes] = deployment.run(*told, log=f"api-{self.port}")
        wait_until(f"the API's {until}", lambda: page(self.port, until))
