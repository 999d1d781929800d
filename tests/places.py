"""A deployment as a person runs it: a folder with a policy, `continuo run`, and commands beside it."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psutil
import yaml

from agents import explaining, moment
from agents.codecs.avro import decode_decision, encode_raw_event
from agents.settings import PREFIX, Settings
from streams.partition import partition_of
from streams.records import Decision, RawEvent, Value
from streams.topology import topic_name
from tests import witness
from tests.brokers import free_port
from tests.builders import DAY_MS, NOW
from tests.processes import wait_until

ROOT: Final = Path(__file__).resolve().parents[1]
PARTITIONS: Final = 2
STARTED: Final = re.compile(r"(\S+) started \(pid (\d+)\); see (\S+)")


class Place:
    """A folder with a policy, an environment, and what runs there."""

    def __init__(self, folder: Path, bundle: dict[str, Any], **settings: str) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.namespace = f"run{os.getpid()}"
        (folder / "policy").mkdir(parents=True)
        for section, value in bundle.items():
            text = yaml.safe_dump({section: value}, sort_keys=False)
            (folder / "policy" / f"{section}.yaml").write_text(text, encoding="utf-8")
        outside = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        told = {
            "HOME": str(self.home), "NAMESPACE": self.namespace, "PARTITIONS": str(PARTITIONS),
            "WEB_PORT": str(free_port()), "MODE": "history", **settings,
        }  # fmt: skip
        self.environment = outside | {PREFIX + name: value for name, value in told.items()}
        self.environment["PYTHONPATH"] = str(ROOT)
        self.broker = settings.get("BROKER", "")

    @property
    def said(self) -> str:
        """Return what `run` has printed."""
        return (self.folder / "run.out").read_text(encoding="utf-8")

    def started(self) -> dict[str, list[int]]:
        """Return the process ids by name, in the order of their starts."""
        found: dict[str, list[int]] = {}
        for name, pid, _ in STARTED.findall(self.said):
            found.setdefault(name.removeprefix(f"{self.namespace}-"), []).append(int(pid))
        return found

    def ask(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `continuo` with these arguments to its end."""
        return subprocess.run(
            [sys.executable, "-m", "agents", *arguments],
            env=self.environment, cwd=self.folder, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    @contextmanager
    def running(self, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run `continuo run` meanwhile; whatever still lives at the end is killed."""
        argv = [sys.executable, "-m", "agents", "run", "--policy", "policy", *arguments]
        with (self.folder / "run.out").open("wb") as out:
            process = subprocess.Popen(argv, env=self.environment, cwd=self.folder, stdout=out, stderr=out)
        try:
            yield process
        finally:
            process.kill()
            process.wait(10)
            for pids in self.started().values():
                for pid in filter(psutil.pid_exists, pids):
                    psutil.Process(pid).kill()

    def explain(self, decision_id: str | None = None, **about: Any) -> explaining.Explanation | None:
        """Look a decision up as the command does, without the second that a process takes."""
        settings = Settings(broker=self.broker, namespace=self.namespace)
        until = moment.parse(about["at"]) if "at" in about else None
        asked = explaining.look_up(settings, decision_id, about.get("profile_id"), until, lambda *_: None)
        return asyncio.run(asked)

    def explained(self, decision_id: str) -> str:
        """Return what the command tells of a decision."""
        explanation = self.explain(decision_id)
        assert explanation is not None
        return explaining.to_text(explanation, "agent")

    def tell(self, events: Iterable[RawEvent]) -> None:
        """Produce raw events, each to its owner's partition."""
        records = [
            (partition_of(one.profile_id, PARTITIONS), one.profile_id.encode(), encode_raw_event(one)) for one in events
        ]
        witness.feed(self.broker, topic_name(self.namespace, "raw-events"), records)

    def decisions(self) -> list[Decision]:
        """Return all committed decisions."""
        seen = witness.read(self.broker, topic_name(self.namespace, "decisions"), PARTITIONS)
        return [decode_decision(one.value) for one in seen]

    def wait_decisions(self, count: int) -> list[Decision]:
        """Return the decisions as soon as there are so many."""

        def enough() -> list[Decision] | None:
            found = self.decisions()
            return found if len(found) >= count else None

        return wait_until(f"{count} decisions\n{self.said}", enough)


def visit(person: str, day: int) -> list[RawEvent]:
    """Return a person's soup, and the basket it is in."""
    at = NOW + day * DAY_MS
    soup: dict[str, Value] = {"category": "soup", "product_id": "tomato", "quantity": 1, "amount": 2.5}
    basket: dict[str, Value] = {"basket_id": f"{person}-{day}", "amount": 31.5}
    return [
        RawEvent(f"{person}-{day}-line", person, "product_purchased", at, "till", soup, {"email": True}),
        RawEvent(f"{person}-{day}", person, "basket_completed", at + 1, "till", basket),
    ]
