"""Real processes of a deployment in a namespace of its own, and what the witness sees of them."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, Self, TypeVar

from agents.codecs.avro import DECODERS
from agents.policy_topic import publish
from agents.transport.topics import create_topics, wanted_topics
from streams.policy import compile_policy
from streams.topology import topic_name
from tests import witness

PATIENCE_S: Final = 60.0
_POLL_S: Final = 0.05
_numbers = itertools.count()
T = TypeVar("T")


def wait_until(what: str, ask: Callable[[], T | None], patience_s: float = PATIENCE_S) -> T:
    """Ask until there is an answer with something in it; fail saying what did not come."""
    deadline = time.monotonic() + patience_s
    while True:
        found = ask()
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {patience_s} s: {what}"
        time.sleep(_POLL_S)


class Deployment:
    """Topics, a published policy, and processes of the command line; `with` ends them all."""

    def __init__(
        self,
        broker: str,
        home: Path,
        bundle: dict[str, Any],
        *,
        partitions: int = 2,
        mode: str = "live",
        is_published: bool = True,
    ) -> None:
        self.broker, self.home, self.partitions = broker, home, partitions
        self.namespace = f"t{os.getpid()}-{next(_numbers)}"
        self.bundle, self.policy = bundle, compile_policy(bundle)
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("CONTINUO_")},
            "CONTINUO_BROKER": broker,
            "CONTINUO_NAMESPACE": self.namespace,
            "CONTINUO_HOME": str(home),
            "CONTINUO_PARTITIONS": str(partitions),
            "CONTINUO_MODE": mode,
        }
        self._processes: list[subprocess.Popen[bytes]] = []
        asyncio.run(create_topics(broker, wanted_topics(self.namespace, partitions, self.policy.models)))
        if is_published:
            self.publish()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.kill()
                process.wait(10)

    def publish(self) -> None:
        """Make its bundle the current policy."""
        asyncio.run(publish(self.broker, self.namespace, self.bundle))

    def topic(self, noun: str, model: str = "") -> str:
        """Return a topic's full name."""
        return topic_name(self.namespace, noun, model)

    def run(self, *arguments: str, log: str = "") -> subprocess.Popen[bytes]:
        """Start `continuo <arguments>`; what it says goes to `<home>/<log>.log`, by default named like them."""
        self.home.mkdir(parents=True, exist_ok=True)
        with self.log(log or "-".join(arguments)).open("ab") as said:
            process = subprocess.Popen(
                [sys.executable, "-m", "agents", *arguments], env=self.environment, stdout=said, stderr=said
            )
        self._processes.append(process)
        return process

    def log(self, name: str) -> Path:
        """Return the file of what a process says."""
        return self.home / f"{name}.log"

    def feed(self, noun: str, records: Iterable[tuple[int, bytes | None, bytes | None]], model: str = "") -> None:
        """Write (partition, key, value) records."""
        witness.feed(self.broker, self.topic(noun, model), records)

    def read(self, noun: str, partitions: int = 0) -> list[witness.Seen]:
        """Return the committed records of a topic."""
        return witness.read(self.broker, self.topic(noun), partitions or self.partitions)

    def records(self, noun: str, schema: str, partitions: int = 0) -> list[Any]:
        """Return the committed records of a topic, decoded; tombstones are left out."""
        return [DECODERS[schema](seen.value) for seen in self.read(noun, partitions) if seen.value is not None]


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill -9, and wait until it is gone."""
    process.send_signal(signal.SIGKILL)
    process.wait(10)


def end(process: subprocess.Popen[bytes]) -> int:
    """Ask a process to end, and return its exit code."""
    process.send_signal(signal.SIGTERM)
    return process.wait(20)
