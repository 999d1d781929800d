"""The services of docker-compose.yml as plain processes: the same commands and variables, one decision through all."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from agents.deployment import KINDS
from tests.api import Caller
from tests.brokers import free_port
from tests.processes import end, wait_until
from tests.scraping import misdeclared, page

pytestmark = pytest.mark.kafka

VISIT: Final = {"event_id": "visit-1", "profile_id": "ada", "type": "visited", "properties": {"page": "home"}}


class Composed:
    """What compose would run, without containers: each service has a folder of its own, and its mounts in it."""

    def __init__(self, root: Path, broker: str, home: Path) -> None:
        self._services: Final = yaml.safe_load((root / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
        self._root, self._broker, self._home = root, broker, home
        self.ports: Final = {kind: free_port() for kind in KINDS}
        self.processes: Final[dict[str, subprocess.Popen[bytes]]] = {}

    def folder(self, service: str) -> Path:
        """Return where a service has what it keeps and what is mounted into it."""
        return self._home / service

    def run(self, service: str) -> subprocess.Popen[bytes]:
        """Start a service."""
        told = self._services[service]
        inside = {target: self._mount(service, source, target) for source, target in map(_volume, told["volumes"])}
        inside["6066"] = str(self.ports.get(service, 0))
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CONTINUO_")}
        environment |= {name: self._here(str(value), inside) for name, value in told["environment"].items()}
        environment |= {"CONTINUO_BROKER": self._broker, "CONTINUO_HOME": str(self.folder(service))}
        environment["CONTINUO_WEB_PORT"] = str(self.ports["worker"])
        self.folder(service).mkdir(parents=True, exist_ok=True)
        with (self._home / f"{service}.log").open("ab") as log:
            command = [sys.executable, "-m", "agents", *(self._here(word, inside) for word in told["command"])]
            self.processes[service] = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        return self.processes[service]

    def _mount(self, service: str, source: str, target: str) -> str:
        place = self.folder(service) / target.lstrip("/")
        if source.startswith(".") and not place.exists():
            shutil.copytree(self._root / source, place)
        return str(place)

    def _here(self, told: str, inside: dict[str, str]) -> str:
        for target, place in inside.items():
            told = told.replace(target, place)
        return told


def _volume(told: str) -> tuple[str, str]:
    source, target, *_ = told.split(":")
    return source, target


@pytest.fixture(scope="module")
def composed(root: Path, broker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composed]:
    composed = Composed(root, broker, tmp_path_factory.mktemp("composed"))
    yield composed
    for process in composed.processes.values():
        if process.poll() is None:
            process.kill()
            process.wait(10)


def test_what_has_to_stand_is_laid_and_laying_it_again_changes_nothing(composed: Composed) -> None:
    assert [composed.run("prepare").wait(60) for _ in range(2)] == [0, 0]
    first, again = (composed.folder("prepare").parent / "prepare.log").read_text().strip().split("is current now")
    assert "created" in first
    assert "created" not in again
    assert "is current already" in again


def test_its_processes_decide_and_deliver_and_tell_how_they_fare(composed: Composed) -> None:
    for kind in KINDS:
        composed.run(kind)
    for kind in KINDS:
        wait_until(f"a {kind} that is ready", lambda kind=kind: page(composed.ports[kind], "ready"))  # type: ignore[misc]
    file = composed.folder("api") / "etc/continuo/api/callers.toml"
    made = [sys.executable, "-m", "agents", "api-key", "website", "--role", "decide"]
    told = subprocess.run(made, capture_output=True, text=True, check=True)
    with file.open("a", encoding="utf-8") as callers:
        callers.write(told.stdout)
    website = Caller(composed.ports["api"], told.stderr.split()[-1])
    wait_until("a key that lets in", lambda: website.post("/decide", VISIT)[0] == 200)
    (choice,) = wait_until("a decision", lambda: _decided(website))
    assert (choice["action"], choice["delivery_channel"]) == ("book_of_the_month", "app")
    sent = composed.folder("channel") / "channels" / "app.jsonl"
    wait_until("its delivery", lambda: sent.exists() and choice["activation_id"] in sent.read_text())
    assert {kind: misdeclared(composed.ports[kind], kind) for kind in KINDS} == {kind: [] for kind in KINDS}


def test_they_end_when_they_are_told(composed: Composed) -> None:
    assert {kind: end(composed.processes[kind]) for kind in KINDS} == dict.fromkeys(KINDS, 0)


def _decided(website: Caller) -> list[dict[str, Any]] | None:
    choices: list[dict[str, Any]] = website.post("/decide?deadline_ms=5000", VISIT)[1]["choices"]
    return choices if choices[0]["status"] == "decided" else None
