"""A Kafka that a fault may break: the product's jars and Java, properties of our own, killed and started at will."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from agents.broker import handshake, jars, jvm, lock, properties
from agents.broker.server import silent
from tests.toy_deployment import wait_until

START_S: Final = 90.0
# A node that was killed comes back when its old session has ended: Kafka's nine seconds teach nothing more than three.
BRISK: Final = {"broker.session.timeout.ms": "3000", "broker.heartbeat.interval.ms": "500"}


class Node:
    """One node, broker and controller at once, in a folder of its own."""

    def __init__(self, folder: Path, port: int, controller_port: int, **more: str) -> None:
        self.folder = folder
        self.port = port
        text = properties.to_text(port, controller_port, "data")
        lines = (line.partition("=") for line in text.splitlines() if not line.startswith("#"))
        usual = {name: value for name, _, value in lines}
        self._properties = usual | BRISK | {name.replace("_", "."): value for name, value in more.items()}

    @property
    def log(self) -> str:
        """Return what it has said."""
        return (self.folder / "broker.log").read_text(encoding="utf-8", errors="replace")

    def launch(self) -> None:
        """Start its Java; `wait_brokers` tells when it takes work."""
        class_path = jars.ensure(jars.cache_folder(), lock.read(), silent)
        (self.folder / "tmp").mkdir(parents=True, exist_ok=True)
        text = "".join(f"{name}={value}\n" for name, value in self._properties.items())
        for name in ("server.properties", "format.properties"):
            (self.folder / name).write_text(text, encoding="utf-8")
        if not (self.folder / "data/meta.properties").exists():
            jvm.format_logs(self.folder, class_path, properties.CLUSTER_ID)
        with jvm.launched(self.folder, class_path) as java:
            jvm.write(self.folder, jvm.Record(java.pid, self.port))

    def pid(self) -> int | None:
        """Return the id of its process, None while it is down."""
        found = jvm.find(self.folder)
        return found[1].pid if found else None

    def wait_brokers(self, count: int) -> None:
        """Wait until it answers and knows of that many brokers that take work."""

        def knows() -> bool:
            try:
                return handshake.count_brokers(("127.0.0.1", self.port), 2.0) >= count
            except (OSError, ValueError):
                return False

        wait_until(knows, START_S, f"{count} brokers, as {self.folder.name} knows them:\n{jvm.last_words(self.folder)}")

    def kill(self) -> None:
        """Kill it with -9."""
        found = jvm.find(self.folder)
        if found:
            found[1].kill()
            jvm.wait_gone(found[1], 10)

    def stop(self) -> None:
        """End it in good order."""
        found = jvm.find(self.folder)
        if found:
            jvm.end(found[1])
