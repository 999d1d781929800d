"""The jars of the embedded broker: locked, fetched whole or not at all, refused when changed."""

import gc
import hashlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path

import pytest

from agents.broker import jars, lock, relock
from agents.broker.errors import BrokerError
from agents.broker.lock import Jar

pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")  # jgo's, see `registry`

BYTES = b"a jar, as far as its checksum goes"
SHA256 = hashlib.sha256(BYTES).hexdigest()
ONE = Jar("org.example", "one", "1.0", len(BYTES), SHA256)
TWO = Jar("org.example", "two", "2.0", len(BYTES), SHA256)


def silent(_line: str) -> None:
    """Show nothing."""


class Registry:
    """A registry on this machine: answers each path with the next of its answers, the last one for ever."""

    def __init__(self) -> None:
        self.answers: dict[str, list[tuple[int, bytes]]] = {}
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                left = registry.answers.get(self.path.rsplit("/", 1)[1], [(404, b"")])
                status, body = left.pop(0) if len(left) > 1 else left[0]
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def holds(self, jar: Jar, *answers: tuple[int, bytes]) -> None:
        self.answers[jar.file] = list(answers)
        self.answers[f"{jar.file}.sha1"] = [(200, hashlib.sha1(answers[-1][1]).hexdigest().encode())]


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    made = Registry()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.01,))
    thread.start()
    config = tmp_path / "jgo.conf"
    config.write_text(f"[repositories]\ncentral = http://127.0.0.1:{made.server.server_port}\n")
    monkeypatch.setenv("JGO_CONFIG_FILE", str(config))
    for proxy in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(proxy, raising=False)
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()
    gc.collect()  # jgo leaves the answer to a refused request open: collected here, it is no other test's warning


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "kafka"


@pytest.fixture
def complete(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for jar in (ONE, TWO):
        (folder / jar.file).write_bytes(BYTES)
    return folder


def test_the_lock_names_every_jar_once_with_its_sum_and_no_address() -> None:
    locked = lock.read()
    assert len({jar.file for jar in locked}) == len(locked) == 46
    assert {root.rsplit(":", 1)[0] for root in lock.ROOTS} <= {f"{jar.group}:{jar.artifact}" for jar in locked}
    assert {str(jar) for jar in locked} >= set(lock.ROOTS)
    assert all(len(jar.sha256) == 64 and jar.size > 0 for jar in locked)
    text = files("agents.broker").joinpath("kafka.lock").read_text(encoding="utf-8")
    assert "//" not in text
    assert relock.to_text(locked) == text


def test_a_complete_cache_is_the_class_path_in_the_order_of_the_lock(complete: Path) -> None:
    assert jars.ensure(complete, [TWO, ONE], silent) == [complete / "two-2.0.jar", complete / "one-1.0.jar"]


def test_a_complete_cache_needs_neither_the_resolver_nor_an_http_client(complete: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from agents.broker import jars; from agents.broker.lock import Jar\n"
        f"jars.ensure(Path({str(complete)!r}), [Jar('g', 'one', '1.0', 1, {SHA256!r}), "
        f"Jar('g', 'two', '2.0', 1, {SHA256!r})], print)\n"
        "assert not {'jgo', 'requests', 'urllib3'} & set(sys.modules), sorted(sys.modules)"
    )
    root = Path(jars.__file__).parents[2]
    subprocess.run([sys.executable, "-c", program], check=True, cwd=root)


def test_altered_and_unexpected_jars_are_all_named_and_refused(complete: Path) -> None:
    (complete / ONE.file).write_bytes(b"malice")
    (complete / "stranger-1.0.jar").write_bytes(BYTES)
    with pytest.raises(BrokerError) as refused:
        jars.ensure(complete, [ONE, TWO], silent)
    message = str(refused.value)
    assert f"one-1.0.jar is altered: expected sha256 {SHA256}" in message
    assert "stranger-1.0.jar is not in the lock" in message
    assert "two-2.0.jar" not in message
    assert f"Remove {complete}" in message


def test_what_is_missing_is_downloaded_and_told(folder: Path, registry: Registry) -> None:
    registry.holds(ONE, (200, BYTES))
    registry.holds(TWO, (200, BYTES))
    told: list[str] = []
    paths = jars.ensure(folder, [ONE, TWO], told.append)
    assert [path.read_bytes() for path in paths] == [BYTES, BYTES]
    assert "2 jars" in told[0]
    assert "2 of 2 jars" in told[-1]
    assert sorted(path.name for path in folder.parent.iterdir()) == ["kafka", "kafka.lock"]


def test_a_registry_that_stumbles_is_asked_again(
    folder: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jars, "PAUSE_S", 0.0)
    registry.holds(ONE, (503, b""), (200, BYTES))
    assert jars.ensure(folder, [ONE], silent)[0].read_bytes() == BYTES


def test_a_registry_that_sends_other_bytes_is_refused_and_nothing_is_kept(folder: Path, registry: Registry) -> None:
    registry.holds(ONE, (200, b"malice"))
    with pytest.raises(BrokerError, match=r"org\.example:one:1\.0 is not the locked one: expected sha256"):
        jars.ensure(folder, [ONE], silent)
    assert list(folder.iterdir()) == []


def test_without_a_network_the_message_says_how_to_do_without_one(
    folder: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jars, "PAUSE_S", 0.0)
    with pytest.raises(BrokerError, match=r"Cannot download org\.example:one:1\.0.*\n.*copy .*kafka from a machine"):
        jars.ensure(folder, [ONE], silent)


def test_what_was_downloaded_before_a_failure_is_not_downloaded_again(
    folder: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jars, "PAUSE_S", 0.0)
    folder.mkdir(parents=True)
    (folder / ONE.file).write_bytes(BYTES)
    registry.holds(TWO, (200, BYTES))
    told: list[str] = []
    jars.ensure(folder, [ONE, TWO], told.append)
    assert "1 jars" in told[0]


def test_the_cache_lies_where_the_user_keeps_caches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert jars.cache_folder() == tmp_path / "continuo" / f"kafka-{lock.KAFKA_VERSION}"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert jars.cache_folder() == tmp_path / ".cache" / "continuo" / f"kafka-{lock.KAFKA_VERSION}"


@pytest.mark.slow
def test_the_lock_is_what_the_roots_resolve_to() -> None:
    assert relock.resolve() == sorted(lock.read(), key=str)
