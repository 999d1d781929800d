"""The peers: who does which work, with which promise, how it is started and what it keeps where."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from agents.transport.positions import POSITION_KEY
from bench import environments
from bench.peers.job import Job

JAVA_TUNED: Final = ("-Xms1g", "-Xmx1g", "-XX:+UseParallelGC")


@dataclass(frozen=True)
class Size:
    """How many events, and how many of them come before the measured part."""

    events: int
    warm: int = 0

    @property
    def measured(self) -> int:
        """Return how many events are measured."""
        return self.events - self.warm


@dataclass(frozen=True)
class Kind:
    """What a group of peers needs to show what it can."""

    size: Size
    quick: Size


NATIVE: Final = Kind(Size(400_000), Size(20_000))
# A JVM is measured warm: from a fifth of the events on, after two million others.
JVM: Final = Kind(Size(2_500_000, warm=2_100_000), Size(60_000, warm=30_000))
SLOW: Final = Kind(Size(30_000), Size(2_000))  # its cost an event is the same with fewer of them, its time is not


@dataclass(frozen=True)
class Peer:
    """One way to do the work."""

    name: str
    title: str
    guarantee: str
    works: tuple[str, ...]
    kind: Kind
    command: Callable[[], list[str]]  # makes its environment first, where it has none
    changelog: Callable[[Job], str] = lambda job: job.changelog
    row_key: Callable[[bytes], bytes] = bytes  # a person's key in its changelog
    own_keys: tuple[bytes, ...] = ()  # what else stands there
    commit_ms: int = 100


def _module(name: str, *packages: str) -> Callable[..., Callable[[], list[str]]]:
    def arguments(*told: str) -> Callable[[], list[str]]:
        return lambda: [
            str(environments.python(*packages)) if packages else sys.executable,
            *("-m", f"bench.peers.{name}", *told),
        ]

    return arguments


def java(*options: str) -> Callable[..., list[str]]:
    """Return how to start the Kafka Streams peer on a JVM with these options."""
    folder = environments.kafka_streams()
    return lambda *told: ["java", *options, "-cp", f"{folder}/peer.jar:{folder}/lib/*", "bench.Main", *told]


def _kafka_streams(*told: str) -> Callable[[], list[str]]:
    return lambda: java(*(JAVA_TUNED if told[0] == "tuned" else ()))(*told)


def _streams_changelog(job: Job) -> str:
    return f"{job.group}-rows-changelog"


_AIOKAFKA: Final = _module("aiokafka_loop", "aiokafka")
_CONFLUENT: Final = _module("confluent_loop", "confluent-kafka")
_ONCE, _LEAST = "exactly once", "at least once"

PEERS: Final = (
    Peer("floor", "C, librdkafka", _LEAST, ("W0",), NATIVE, lambda: [str(environments.floor())]),
    Peer("ours", "**our transport**", _ONCE, ("W1", "W2"), NATIVE, _module("ours")(),
         row_key=lambda key: b"P" + key, own_keys=(POSITION_KEY,)),
    Peer("confluent-once", "confluent-kafka by hand, a transaction per 100 ms", _ONCE, ("W2",), NATIVE,
         _CONFLUENT("once")),
    Peer("aiokafka-once", "aiokafka by hand, a transaction per 100 ms", _ONCE, ("W2",), NATIVE, _AIOKAFKA("once")),
    Peer("streams-once", "Kafka Streams 4.1, exactly_once_v2, 100 ms, tuned", _ONCE, ("W2",), JVM,
         _kafka_streams("tuned", "once"), changelog=_streams_changelog),
    Peer("confluent-least", "confluent-kafka by hand, rows per second", _LEAST, ("W0", "W1", "W2"), NATIVE,
         _CONFLUENT("least"), commit_ms=1_000),
    Peer("aiokafka-least", "aiokafka by hand, rows per second", _LEAST, ("W0", "W1", "W2"), NATIVE,
         _AIOKAFKA("least"), commit_ms=1_000),
    Peer("streams-tuned", "Kafka Streams 4.1, tuned, rows per second", _LEAST, ("W1", "W2"), JVM,
         _kafka_streams("tuned", "least"), changelog=_streams_changelog, commit_ms=1_000),
    Peer("streams-default", "Kafka Streams 4.1, default", _LEAST, ("W1", "W2"), JVM,
         _kafka_streams("default", "least"), changelog=_streams_changelog, commit_ms=0),
    Peer("faust", "stock Faust", _LEAST, ("W1", "W2"), SLOW, _module("stock_faust", "faust-streaming")(),
         changelog=lambda job: f"{job.group}-rows-changelog"),
)  # fmt: skip


def peers(work: str) -> list[Peer]:
    """Return who does a workload, in the order of the table."""
    return [peer for peer in PEERS if work in peer.works]
