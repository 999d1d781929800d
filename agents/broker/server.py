"""Start and stop the embedded Kafka of a home folder.

<home>/broker.lock               who starts or stops it now
<home>/broker/server.properties  written at each start        broker.json  its pid and port
<home>/broker/data               its topics                   broker.log   its words since the last start
"""

import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

from agents.broker import jars, jvm, lock, ports, properties, status
from agents.broker.errors import BrokerError
from agents.broker.exclusive import exclusive

STARTUP_S = 60.0  # two seconds on a laptop; a minute is a machine that is not going to make it


def silent(_line: str) -> None:
    """Take a line of progress and show it to nobody."""


def start(
    home: Path, port: int, *, progress: Callable[[str], None] = silent, more: str = ""
) -> str:
    """Have the broker of `home` up at `port` and return its address, "127.0.0.1:<port>"; do nothing if it is up.

    `progress` gets a line for each thing that takes time; `more` are lines of server.properties that win over ours,
    other listeners, beside the one in the clear by which its owner looks after it.
    Raises BrokerError; nothing is left running then.
    """
    home = home.resolve()
    folder = home / "broker"
    with exclusive(home / "broker.lock", progress):
        found = jvm.find(folder)
        if found is not None:
            record, java = found
            if record.port != port:
                raise BrokerError(
                    f"The broker of {home} is already up, at port {record.port} and not at {port}. "
                    f"Set CONTINUO_BROKER_PORT={record.port}, or run `continuo down` first."
                )
            _wait_ready(folder, java, port)
            return f"127.0.0.1:{port}"
        if not ports.is_free(port):
            raise BrokerError(
                f"Port {port} is taken by {ports.holder(port)}. "
                "Stop that, or choose another port with CONTINUO_BROKER_PORT."
            )
        class_path = jars.ensure(jars.cache_folder(), lock.read(), progress)
        _prepare(folder, port, class_path, progress, more)
        progress(f"starting Kafka {lock.KAFKA_VERSION} at 127.0.0.1:{port}")
        with jvm.launched(folder, class_path) as java:
            jvm.write(folder, jvm.Record(java.pid, port))
            _wait_ready(folder, java, port)
    return f"127.0.0.1:{port}"


def stop(home: Path) -> bool:
    """End the broker of `home`, its process verified gone; tell whether one was running. Its topics stay."""
    home = home.resolve()
    folder = home / "broker"
    if not folder.is_dir():
        return False
    with exclusive(home / "broker.lock", silent):
        found = jvm.find(folder)
        if found is not None:
            jvm.end(found[1])
        jvm.forget(folder)
    return found is not None


def _prepare(
    folder: Path, port: int, class_path: Sequence[Path], progress: Callable[[str], None], more: str
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for leftover in ("tmp", "data.new"):
        shutil.rmtree(folder / leftover, ignore_errors=True)
    (folder / "tmp").mkdir()
    if (folder / "broker.log").exists():
        (folder / "broker.log").replace(folder / "broker.log.1")
    controller_port = ports.controller_port(port)
    server = properties.to_text(port, controller_port, "data") + more
    (folder / "server.properties").write_text(server, encoding="utf-8")
    if not (folder / "data").exists():
        # Beside, then renamed: a start that dies half-way leaves no folder that looks formatted and is not.
        progress("preparing an empty log folder")
        beside = properties.to_text(port, controller_port, "data.new") + more
        (folder / "format.properties").write_text(beside, encoding="utf-8")
        jvm.format_logs(folder, class_path, properties.CLUSTER_ID)
        (folder / "data.new").replace(folder / "data")
        (folder / "format.properties").unlink()


def _wait_ready(folder: Path, java: psutil.Process, port: int) -> None:
    deadline = time.monotonic() + STARTUP_S
    while not status.answers(port):
        if not jvm.is_alive(java):
            what = "died while it started"
        elif time.monotonic() > deadline:
            what = f"did not answer at port {port} within {STARTUP_S:.0f} s"
        else:
            time.sleep(jvm.POLL_S)
            continue
        log = folder / "broker.log"
        raise BrokerError(f"The broker {what}. Its last words:\n{jvm.last_words(folder)}\nMore in {log}")
