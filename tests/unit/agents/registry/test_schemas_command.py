"""`continuo schemas` lists, checks and registers, before registries that answer over HTTP."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from click.testing import CliRunner, Result

import schemas
from agents.__main__ import cli
from agents.registry.answers import Answer, Refused, Registry
from agents.registry.subjects import subjects
from tests.brokers import free_port

RAW: Final = "continuo.raw-events.v1-value"
EVERY: Final = len(subjects("continuo"))


class Shelf(Registry):
    """One that takes what is registered, as far as the command asks; it judges nothing."""

    def __init__(self) -> None:
        super().__init__("continuo")
        self.kept: dict[str, list[Any]] = {}
        self.rules: dict[str, str] = {}
        self.writes = 0

    def answer(self, method: str, path: str, query: Mapping[str, str], body: bytes) -> Answer:
        _, root, subject, *rest = path.split("/")
        kept, told = self.kept.get(subject, []), json.loads(body or b"{}")
        if root == "config" and method == "GET":
            rule = self.rules.get(subject)
            return Answer(200, {"compatibilityLevel": rule}) if rule else Refused(40408, "no rule").answer
        if method == "PUT" or (method == "POST" and rest):
            self.writes += 1
            if root == "config":
                self.rules[subject] = told["compatibility"]
                return Answer(200, told)
            self.kept.setdefault(subject, []).append(json.loads(told["schema"]))
            return Answer(200, {"id": self.writes})
        if method == "POST":
            there = json.loads(told["schema"]) in kept
            return Answer(200, {"id": 1}) if there else Refused(40403, "not there").answer
        if rest == ["versions"]:
            return Answer(200, list(range(1, len(kept) + 1))) if kept else Refused(40401, "not there").answer
        return Answer(200, {"schema": json.dumps(kept[int(rest[1]) - 1])})


@contextmanager
def served(registry: Registry) -> Iterator[str]:
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, body = registry.answer(self.command, self.path, {}, sent)
            answer = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_POST = do_PUT = do_GET  # noqa: N815 - the names that http.server looks for

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(cli, ["schemas", *arguments], env=environment)


def test_the_list_tells_every_id_with_its_subject() -> None:
    told = run("list", "--model", "churn").output
    assert re.search(rf"^{schemas.schema_id('raw_event')} +raw_event v1 +{RAW}$", told, re.MULTILINE)
    assert "continuo.requests.churn.v1-value" in told


def test_what_is_registered_once_is_there_the_second_time() -> None:
    shelf = Shelf()
    with served(shelf) as url:
        assert f"{EVERY} of {EVERY} would be new" in run("register", "--registry", url, "--dry-run").output
        assert shelf.writes == 0
        first = run("register", "--registry", url)
        assert first.exit_code == 0, first.output
        assert f"{EVERY} of {EVERY} new" in first.output
        assert set(shelf.rules.values()) == {"FULL_TRANSITIVE"}
        assert shelf.kept[RAW] == [schemas.load("raw_event")]
        writes = shelf.writes
        assert f"0 of {EVERY} new" in run("register", CONTINUO_REGISTRY=url).output
        assert shelf.writes == writes
        assert run("check", "--registry", url).exit_code == 0


def test_a_registry_whose_version_ours_cannot_read_gets_nothing() -> None:
    shelf = Shelf()
    theirs = schemas.load("raw_event")
    del theirs["fields"][0]
    shelf.kept[RAW] = [theirs]
    with served(shelf) as url:
        for told in (run("check", "--registry", url), run("register", "--registry", url)):
            assert told.exit_code == 1
            assert f"{RAW}: the registry's version 1 and our raw_event version 1: ours cannot read" in told.output
    assert shelf.writes == 0


def test_a_read_only_registry_has_ours_and_takes_no_others() -> None:
    with served(Registry("continuo")) as url:
        assert f"0 of {EVERY} new" in run("register", "--registry", url).output
        told = run("register", "--registry", url, CONTINUO_NAMESPACE="elsewhere")
        assert told.exit_code == 1
        assert "this registry is read-only" in told.output


def test_no_registry_is_told_with_what_to_do() -> None:
    assert run("register").exit_code == 2
    told = run("check", "--registry", f"http://127.0.0.1:{free_port()}")
    assert told.exit_code == 69
    assert "start it, or name another" in told.output


def test_the_commands_of_the_document_run(root: Path) -> None:
    told = re.findall(r"^    continuo schemas (.+?)(?:  .*)?$", (root / "docs/schemas.md").read_text(), re.MULTILINE)
    with served(Shelf()) as url:
        for line in told:
            ran = run(*line.replace("http://localhost:8081", url).split())
            assert ran.exit_code == 0, (line, ran.output)
    assert len(told) == 5


def test_the_pages_of_the_document_are_there(root: Path) -> None:
    told = re.findall(r"^    curl http://localhost:6066(\S+)$", (root / "docs/schemas.md").read_text(), re.MULTILINE)
    assert [Registry("continuo").answer("GET", path, {}, b"").status for path in told] == [200, 200, 200]
