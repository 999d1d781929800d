"""A real Prometheus and a real Alertmanager, and whoever receives their alerts."""

from __future__ import annotations

import json
import subprocess
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from deploy.monitoring.files import write
from deploy.monitoring.scraping import Surroundings
from tests.brokers import free_port
from tests.debian import program
from tests.processes import wait_until

Sample = tuple[dict[str, str], float]  # labels, value


class Receiver:
    """Takes what Alertmanager sends, as a webhook of the operators' would."""

    def __init__(self) -> None:
        self.alerts: Final[list[dict[str, Any]]] = []  # in order of arrival
        received = self.alerts

        class Hook(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                received.extend(json.loads(body)["alerts"])
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
        self.url = f"http://127.0.0.1:{self._server.server_port}/alerts"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def fired(self) -> dict[str, list[dict[str, str]]]:
        """Return the labels of the alerts that were ever told as firing, by name."""
        found: dict[str, list[dict[str, str]]] = {}
        for alert in self.alerts:
            if alert["status"] == "firing":
                found.setdefault(alert["labels"]["alertname"], []).append(alert["labels"])
        return found

    def forget(self) -> None:
        """Forget what came."""
        self.alerts.clear()

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Watch:
    """Prometheus, Alertmanager and the receiver, over some processes."""

    def __init__(self, prometheus: str, receiver: Receiver) -> None:
        self._prometheus = prometheus
        self.receiver = receiver

    def ask(self, expression: str) -> list[Sample]:
        """Return the samples of an expression now."""
        asked = urllib.parse.urlencode({"query": expression})
        found = fetch(f"{self._prometheus}/api/v1/query?{asked}")["data"]["result"]
        return [(one["metric"], float(one["value"][1])) for one in found]

    def firing(self) -> set[str]:
        """Return the names of the alerts that fire now."""
        alerts = fetch(f"{self._prometheus}/api/v1/alerts")["data"]["alerts"]
        return {one["labels"]["alertname"] for one in alerts if one["state"] == "firing"}


@contextmanager
def watching(folder: Path, targets: Mapping[str, Sequence[str]], pace: float) -> Iterator[Watch]:
    """Watch these targets, every duration divided by `pace`, the metrics read every second."""
    prometheus, alertmanager = free_port(), free_port()
    receiver = Receiver()
    write(folder, Surroundings(targets, f"127.0.0.1:{alertmanager}", receiver.url, pace, "1s"))
    commands = [
        [
            program("prometheus-alertmanager", "prometheus-alertmanager"),
            f"--config.file={folder / 'alertmanager/alertmanager.yml'}", f"--storage.path={folder / 'am'}",
            f"--web.listen-address=127.0.0.1:{alertmanager}", "--cluster.listen-address=",
        ],
        [
            program("prometheus", "prometheus"),
            f"--config.file={folder / 'prometheus/prometheus.yml'}", f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{prometheus}",
        ],
    ]  # fmt: skip
    processes = []
    try:
        for command in commands:
            with (folder / f"{Path(command[0]).name}.log").open("wb") as said:
                processes.append(subprocess.Popen(command, stdout=said, stderr=said))
        for port in (alertmanager, prometheus):
            wait_until("Prometheus and Alertmanager", lambda port=port: is_ready(port))  # type: ignore[misc]
        yield Watch(f"http://127.0.0.1:{prometheus}", receiver)
    finally:
        for process in processes:
            process.kill()
            process.wait(10)
        receiver.close()


def is_ready(port: int) -> bool:
    """Tell whether a server of theirs is ready."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=10):
            return True
    except OSError:
        return False


def fetch(url: str) -> Any:
    """Return what is answered; fail with what the server says is wrong."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise AssertionError(f"{url}: {error.read().decode()}") from None
