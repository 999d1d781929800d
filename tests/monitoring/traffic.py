"""A deployment that lives: two producers that never rest, a caller of the API, a model, its trainer, channels."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psutil
from confluent_kafka import Producer

from agents.codecs.avro import encode_model_version, encode_raw_event, encode_training_example
from streams.partition import partition_of
from streams.records import RawEvent
from tests import examples_of_models as made
from tests.api import Api
from tests.brokers import free_port
from tests.builders import small_policy
from tests.models import weighted
from tests.processes import Deployment, wait_until
from tests.scraping import page, series
from tests.shard import raw

MODEL: Final = "next_purchase"
CHANNELS: Final = ("app", "email")
COMMANDS: Final = {
    "worker": ("worker",), "model": ("model", MODEL), "trainer": ("trainer", MODEL),
    "channel": ("channel", "run", *CHANNELS),
}  # fmt: skip
BEAT_S: Final = 0.1  # between two groups of events
POISON: Final = b"\x07"
ASKED_EVERY: Final = 5  # groups
PATIENT: Final = "/decide?deadline_ms=5000"  # longer than any fault but a stopped worker keeps a decision back
FLOOD: Final = 15  # poison a beat, beside 8 good events
BULK: Final = 40_000  # events at once: more than a second's work for any worker
LEARNED: Final = 520  # examples: a first version comes after 500
TRACE: Final = "4bf92f3577b34da6a3ce929d0e0e4736"
START_S: Final = 180.0  # of five processes on a machine that is busy


def policy() -> dict[str, Any]:
    """Return a policy under which everything happens at any time: contacts on both channels, holdouts, exploration."""
    bundle = small_policy(
        exploration={"epsilon": 0.5, "delta": 0.9, "salt": "s"}, holdout={"share": 0.1, "seed": "s"}, contexts=[]
    )
    for action in bundle["actions"]:
        action["valid_to"] = "2100-01-01"
    bundle["models"][MODEL]["deadline_ms"] = 400
    return bundle


class Traffic:
    """The deployment, and the thread that feeds it; a test plants faults by the attributes."""

    def __init__(self, broker: str, home: Path, collector: str) -> None:
        self.deployment: Final = Deployment(broker, home, policy())
        self.deployment.environment["CONTINUO_TRACES"] = collector
        self.ports: Final = {kind: free_port() for kind in COMMANDS}
        self.processes: Final[dict[str, psutil.Process]] = {}
        self.sources: Final = {"shop", "till"}  # those that tell
        self.is_poisoned = False
        self._is_deciding = True
        self._baskets = 0  # told: one decision each
        self._beat: Final = threading.Lock()
        self._numbers: Final = itertools.count()
        self._asks: Final = itertools.count()
        self._producer: Final = Producer({"bootstrap.servers": broker, "linger.ms": 0})
        self._over: Final = threading.Event()
        self._thread: Final = threading.Thread(target=self._feed, daemon=True)

    def start(self) -> None:
        """Publish versions and examples, start the processes, wait until they are ready, and feed them."""
        running = self.deployment
        versions = [
            weighted(name, model.inputs, running.policy.categories if model.by_category else ())
            for name, model in running.policy.models.items()
        ]
        running.feed("models", [(0, b"a version", encode_model_version(version)) for version in versions])
        running.feed("retraining", [(number % 2, b"p", self._example(number)) for number in range(LEARNED)], MODEL)
        for kind in COMMANDS:
            self.run(kind)
        for kind, port in self.ports.items():
            wait_until(f"a {kind} that is ready", lambda port=port: page(port, "ready"), START_S)  # type: ignore[misc]
        self._api = Api(running)
        self.ports["api"] = self._api.port
        self._thread.start()

    def run(self, kind: str) -> None:
        """Start a process."""
        process = self.deployment.run(*COMMANDS[kind], "--web-port", str(self.ports[kind]), log=kind)
        self.processes[kind] = psutil.Process(process.pid)

    def close(self) -> None:
        """End it."""
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._producer.close()
        self.deployment.__exit__()

    def tell(self, events: list[RawEvent]) -> None:
        """Produce events, each to its owner's partition."""
        topic = self.deployment.topic("raw-events")
        for event in events:
            owner = partition_of(event.profile_id, self.deployment.partitions)
            self._producer.produce(topic, encode_raw_event(event), event.profile_id.encode(), owner)
            self._producer.poll(0)

    def rest(self) -> None:
        """Tell of no more baskets, and return when those told are decided about."""
        with self._beat:
            self._is_deciding = False
        wait_until("decisions about all baskets", lambda: self._decisions() == self._baskets)

    def go_on(self) -> None:
        """Tell of baskets again."""
        self._is_deciding = True

    def pour(self) -> None:
        """Tell a great many purchases at once, about which nothing is decided."""
        for _ in range(BULK // 1_000):
            self.tell([self._event("product_purchased", "till", f"somebody-{n}") for n in range(1_000)])
            self._producer.flush(10)

    @contextmanager
    def slowed(self, kind: str, pause_s: float = 0.7, turn_s: float = 0.1) -> Iterator[None]:
        """Let a process run only a fraction of the time meanwhile."""
        over, process = threading.Event(), self.processes[kind]

        def slow() -> None:
            while not over.is_set():
                process.suspend()
                over.wait(pause_s)
                process.resume()
                over.wait(turn_s)

        thread = threading.Thread(target=slow)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            process.resume()

    def fill_disk(self) -> None:
        """Let the delivery channels write nothing more into their files."""
        limit = max(file.stat().st_size for file in (self.deployment.home / "channels").iterdir()) + 1
        self.processes["channel"].rlimit(psutil.RLIMIT_FSIZE, (limit, limit))

    def _feed(self) -> None:
        while not self._over.wait(BEAT_S):
            with self._beat:
                self._feed_once(f"person-{next(self._numbers)}")
            self._producer.flush(10)

    def _feed_once(self, person: str) -> None:
        if "shop" in self.sources:
            soup = self._event("product_purchased", "shop", person)
            self.tell([soup, soup])  # its producer retries
            if self._is_deciding:
                self._baskets += 1
                basket, parent = self._event("basket_completed", "shop", person), f"{self._baskets:016x}"
                basket.traceparent = f"00-{TRACE}-{parent}-0{self._baskets % 2}"  # every other one is sampled
                self.tell([basket])
            if next(self._asks) % ASKED_EVERY == 0:
                self._ask(person)
        if "till" in self.sources:
            self.tell([self._event("product_purchased", "till", f"{person}-{n}") for n in range(5)])
        for _ in range(FLOOD if self.is_poisoned else 0):
            self._producer.produce(self.deployment.topic("raw-events"), POISON)

    def _ask(self, person: str) -> None:
        """Have the API take an event, and answer about another."""
        kinds = {"product_purchased": "/events"} | ({"basket_completed": PATIENT} if self._is_deciding else {})
        for kind, path in kinds.items():
            event = self._event(kind, "shop", person)
            told = {"profile_id": person, "type": kind, "source": "shop", "properties": event.properties}
            self._baskets += path == PATIENT
            self._api.post(path, told)

    def _decisions(self) -> float:
        found = series(self.ports["worker"]).items()
        return sum(value for (name, _), value in found if name == "continuo_arbitrate_decisions_total")

    def _event(self, kind: str, source: str, person: str) -> RawEvent:
        at = time.time_ns() // 1_000_000
        name = f"{kind}-{next(self._numbers)}"
        return raw(kind, at, event_id=name, profile_id=person, source=source, consent={"email": True})

    def _example(self, number: int) -> bytes:
        example = made.example(number)
        example.model, example.policy_hash = MODEL, self.deployment.policy.hash
        example.features = example.features[:3]
        return encode_training_example(example)
