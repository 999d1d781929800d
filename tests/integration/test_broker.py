"""The embedded broker, for real: a Kafka that starts, stops, dies and is refused, and never stays behind."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from agents import broker
from agents.broker import jars, jvm, lock
from agents.broker.errors import BrokerError
from tests.brokers import free_port

pytestmark = pytest.mark.kafka

ROOT = Path(broker.__file__).parents[2]
DEADLINE_S = 30.0


def javas_of(home: Path) -> list[psutil.Process]:
    """Return every live process whose command line names `home`, the guard of a start under way included."""
    found = []
    for one in psutil.process_iter():
        try:
            if str(home) in " ".join(one.cmdline()) and one.pid != os.getpid() and jvm.is_alive(one):
                found.append(one)
        except psutil.Error:
            continue
    return found


def wait_until(happened: Callable[[], bool], what: str) -> None:
    """Wait for a condition outside this process, which sends no signal."""
    deadline = time.monotonic() + DEADLINE_S
    while not happened():
        assert time.monotonic() < deadline, f"{what} did not happen within {DEADLINE_S:.0f} s"
        time.sleep(0.02)


def continuo(home: Path, port: int, *words: str, **more: str) -> "subprocess.Popen[str]":
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CONTINUO_")}
    environment = kept | {"CONTINUO_HOME": str(home), "CONTINUO_BROKER_PORT": str(port), "PYTHONPATH": str(ROOT)} | more
    return subprocess.Popen(
        [sys.executable, "-m", "agents", *words], env=environment, cwd=home.parent, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def said(command: "subprocess.Popen[str]") -> tuple[int, str, str]:
    out, err = command.communicate(timeout=120)
    return command.returncode, out, err


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "a home, with #signs = and ümlauts"
    yield folder
    broker.stop(folder)
    assert javas_of(folder) == []


@pytest.fixture
def port() -> int:
    return free_port()


def test_it_starts_once_keeps_its_topics_and_ends_for_certain(home: Path, port: int) -> None:
    told: list[str] = []
    address = broker.start(home, port, progress=told.append)
    assert address == f"127.0.0.1:{port}"
    assert told[-1] == f"starting Kafka {lock.KAFKA_VERSION} at {address}"
    first = broker.status(home)
    assert (first.running, first.answers, first.address, first.version) == (True, True, address, lock.KAFKA_VERSION)
    assert first.data_bytes > 0
    assert broker.look(address).version == "4.1 or later"
    (java,) = javas_of(home)
    listening = {one.laddr for one in java.net_connections("tcp") if one.status == psutil.CONN_LISTEN}
    assert {here.port for here in listening} == {port, port + 1}
    assert {here.ip.removeprefix("::ffff:") for here in listening} == {"127.0.0.1"}, "nobody else sees it"
    admin = AdminClient({"bootstrap.servers": address})
    admin.create_topics([NewTopic("kept", 2)])["kept"].result(DEADLINE_S)

    assert broker.start(home, port, progress=told.append) == address
    assert broker.status(home).pid == first.pid
    assert told[-1] == f"starting Kafka {lock.KAFKA_VERSION} at {address}", "nothing was started"
    with pytest.raises(BrokerError, match=f"already up, at port {port} and not at {port + 7}"):
        broker.start(home, port + 7)

    assert broker.stop(home) is True
    assert broker.stop(home) is False
    assert javas_of(home) == []
    stopped = broker.status(home)
    assert (stopped.running, stopped.answers, stopped.address, stopped.pid) == (False, False, None, None)

    broker.start(home, port)
    assert "kept" in AdminClient({"bootstrap.servers": address}).list_topics(timeout=DEADLINE_S).topics


def test_a_start_from_the_cache_needs_no_network_and_no_resolver(home: Path, port: int) -> None:
    jars.ensure(jars.cache_folder(), lock.read(), print)
    program = (
        "import sys; from pathlib import Path; from agents import broker\n"
        "sys.modules['jgo'] = sys.modules['requests'] = None\n"
        f"print(broker.start(Path({str(home)!r}), {port}))"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert done.stdout == f"127.0.0.1:{port}\n"
    assert broker.status(home).answers, "it outlives the process that started it"


def test_a_taken_port_is_named_with_its_holder(home: Path, port: int) -> None:
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(BrokerError, match=rf"Port {port} is taken by .*\(pid {os.getpid()}\)"),
    ):
        broker.start(home, port)


def test_a_broker_that_dies_gives_its_last_words(home: Path, port: int) -> None:
    broker.start(home, port)
    broker.stop(home)
    (home / "broker" / "data" / "meta.properties").write_text("version=1\ncluster.id=ours\nnode.id=2\n")
    with pytest.raises(BrokerError) as died:
        broker.start(home, port)
    assert "The broker died while it started. Its last words:\n" in str(died.value)
    assert "node id 2" in str(died.value)
    assert "\tat " not in str(died.value)
    assert str(home / "broker" / "broker.log") in str(died.value)
    assert not broker.status(home).running
    code, out, err = said(continuo(home, port, "up"))
    assert (code, out) == (1, "")
    assert "Its last words:" in err
    assert "Traceback" not in err


def test_a_broker_that_does_not_answer_in_time_is_ended(home: Path, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.broker.server.STARTUP_S", 0.0)
    with pytest.raises(BrokerError, match=f"did not answer at port {port} within 0 s"):
        broker.start(home, port)
    assert javas_of(home) == []


def test_an_altered_jar_is_refused(home: Path, port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jars.ensure(jars.cache_folder(), lock.read(), print)
    copy = tmp_path / "continuo" / jars.cache_folder().name
    shutil.copytree(jars.cache_folder(), copy)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with (copy / "slf4j-api-1.7.36.jar").open("ab") as jar:
        jar.write(b"\0")
    with pytest.raises(BrokerError, match=r"slf4j-api-1\.7\.36\.jar is altered: expected sha256 d3ef575e"):
        broker.start(home, port)


def test_a_pid_that_belongs_to_a_stranger_is_left_alone(home: Path, port: int) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        (home / "broker").mkdir(parents=True)
        jvm.write(home / "broker", jvm.Record(stranger.pid, port))
        assert not broker.status(home).running
        assert broker.stop(home) is False
        jvm.write(home / "broker", jvm.Record(stranger.pid, port))
        broker.start(home, port)
        assert broker.status(home).pid != stranger.pid
        assert stranger.poll() is None
        stranger.communicate(b"\n")


def test_a_broker_killed_from_outside_is_seen_and_started_again(home: Path, port: int) -> None:
    broker.start(home, port)
    (java,) = javas_of(home)
    java.kill()
    assert jvm.wait_gone(java, DEADLINE_S)
    assert not broker.status(home).running
    broker.start(home, port)
    assert broker.status(home).answers


def test_one_that_ignores_the_request_to_end_is_killed(home: Path, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    broker.start(home, port)
    (java,) = javas_of(home)
    java.suspend()  # a stopped process acts on no signal but the one that cannot be caught
    monkeypatch.setattr(jvm, "GRACE_S", 0.2)
    assert broker.status(home).running
    assert not broker.status(home).answers
    assert broker.stop(home) is True
    assert not jvm.is_alive(java)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_an_up_that_is_ended_half_way_leaves_nothing_running(home: Path, port: int, number: signal.Signals) -> None:
    up = continuo(home, port, "up")
    record = home / "broker" / "broker.json"
    wait_until(record.exists, "a launch")
    java = psutil.Process(json.loads(record.read_text())["pid"])
    up.send_signal(number)
    up.communicate()
    assert up.returncode != 0
    assert jvm.wait_gone(java, DEADLINE_S)
    wait_until(lambda: not javas_of(home), "the guard's end")
    assert not broker.status(home).running


def test_two_ups_at_once_start_one_broker(home: Path, port: int) -> None:
    both = [continuo(home, port, "up", "--json") for _ in range(2)]
    ended = [said(command) for command in both]
    assert [code for code, _, _ in ended] == [0, 0]
    assert len({json.loads(out)["pid"] for _, out, _ in ended}) == 1
    assert len(javas_of(home)) == 1


def test_the_commands_tell_a_person_and_a_script(home: Path, port: int) -> None:
    home.mkdir()
    address = f"127.0.0.1:{port}"
    code, out, _ = said(continuo(home, port, "status"))
    assert (code, out.startswith("No broker is running")) == (3, True)
    code, out, err = said(continuo(home, port, "up"))
    assert (code, f"is up at {address}" in out, f"starting Kafka {lock.KAFKA_VERSION}" in err) == (0, True, True)
    code, out, err = said(continuo(home, port, "up"))
    assert (code, "already up" in out, err) == (0, True, "")
    code, out, _ = said(continuo(home, port, "status", "--json"))
    status = json.loads(out)
    assert (code, status["running"], status["answers"], status["address"]) == (0, True, True, address)

    code, out, _ = said(continuo(home, port, "up", "--json", CONTINUO_BROKER=address))
    assert (code, json.loads(out)["embedded"], json.loads(out)["version"]) == (0, False, "4.1 or later")
    assert said(continuo(home, port, "status", CONTINUO_BROKER=address))[0] == 0
    code, out, err = said(continuo(home, port, "down", CONTINUO_BROKER=address))
    assert (code, out, "not ours to stop" in err) == (1, "", True)

    assert json.loads(said(continuo(home, port, "down", "--json"))[1]) == {"stopped": True}
    code, out, _ = said(continuo(home, port, "down"))
    assert (code, out) == (0, "No broker is running.\n")
    code, out, err = said(continuo(home, port, "up", CONTINUO_BROKER=address))
    assert (code, out, "does not answer" in err) == (1, "", True)
    assert said(continuo(home, port, "status", CONTINUO_BROKER=address))[0] == 3
    assert said(continuo(home, port, "up", "--sideways"))[0] == 2
