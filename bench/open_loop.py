"""Latency under a load that does not wait: events leave when they are due, and count from then on.

The feeder and the listener are processes of their own, so that neither waits for the other or for the harness. A
latency is the time from when an event was *meant* to be sent to when the listener has what came of it; an event that
left late because its feeder was late is late.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

from confluent_kafka import Consumer, TopicPartition

from bench import meter
from bench.environments import ROOT
from bench.feeding import Feeder
from bench.histogram import Histogram
from bench.kafka import Kafka
from bench.rounds import Line
from bench.source import PARTITIONS

LEAD_S: Final = 0.3  # from "everything is ready" to the first event
TICK_S: Final = 0.001
SILENCE_S: Final = 4.0  # after which a listener that does not know how much will come is done
PATIENCE_S: Final = 60.0  # of one that does
CUT: Final = 0.2  # of the time, at the beginning, is not measured
READY_S: Final = 60.0
STEADY: Final = 2.0  # a median that grows by more from the first third to the last one is a lag that grows


@dataclass(frozen=True)
class Play:
    """What is fed and what is listened to."""

    stream: str  # module of bench.streams, imported where it is needed: the crowd's brings its models along
    address: str
    source: str
    listened: str  # topic
    committed: bool  # isolation of the listener
    rate: int  # events a second
    seconds: float
    first: int  # n of the first event
    expected: int  # outputs; 0 = until silence


def play(kafka: Kafka, pids: Sequence[int], told: Play, others: Sequence[int] = ()) -> Line:
    """Feed and listen while the processes `pids` work; return latencies in ms and what they cost.

    `others` work for us, too, and are not part of the cost.
    """
    kept = kafka.home / f"heard-{time.monotonic_ns()}"
    with _program("listen", told, kept) as listener:
        listener.wait_word("begin", READY_S)
        with _program("feed", told, kept) as feeder:
            begun_at = float(feeder.wait_word("begin", READY_S))
            helpers = [listener.pid, feeder.pid, *others]
            _sleep_until(begun_at + told.seconds * CUT)
            before = meter.read(pids, kafka.pid, helpers)
            _sleep_until(begun_at + told.seconds)
            passed = meter.read(pids, kafka.pid, helpers).since(before)
            feeder.wait_word("end", READY_S)
        listener.wait_word("end", 2 * PATIENCE_S)
    heard = json.loads(kept.read_text(encoding="utf-8"))
    name = _stream(told).name
    meant = {name(n): n for n in range(told.first, told.first + int(told.rate * told.seconds))}
    late = [
        ((meant[one] - told.first) / told.rate, at - begun_at) for one, at in heard if one in meant
    ]  # (when it was meant to leave, when it was heard), since the beginning
    measured = sorted((left, heard_at - left) for left, heard_at in late if left >= told.seconds * CUT)
    if not measured:
        raise SystemExit(f"void: nothing came of {told.rate} events a second on {told.listened}")
    histogram = Histogram(int(latency_s * 1e6) for _, latency_s in measured)
    shares = {"percent": passed["cpu_s"], "broker_percent": passed["broker_s"]}
    return {
        **passed, **{name: used / passed["wall_s"] * 100 for name, used in shares.items()}, "rate": told.rate,
        "heard": len(measured), "steady": is_steady([latency_s for _, latency_s in measured]),
        **{f"p{percent:g}_ms": histogram.percentile(percent) / 1000 for percent in (50, 90, 99, 99.9)},
        "max_ms": histogram.maximum() / 1000,
    }  # fmt: skip


def is_steady(latencies_s: Sequence[float]) -> bool:
    """Tell whether what comes last is not much later than what comes first: the rate is sustained."""
    third = max(1, len(latencies_s) // 3)
    return median(latencies_s[-third:]) <= STEADY * median(latencies_s[:third]) + 0.05


def _program(role: str, told: Play, kept: Path) -> meter.Program:
    command = [sys.executable, "-m", "bench.open_loop", role, json.dumps(asdict(told)), str(kept)]
    return meter.Program(command, {"PYTHONPATH": str(ROOT), "PATH": ""}, kept.with_suffix(f".{role}"))


def _sleep_until(at: float) -> None:
    time.sleep(max(0.0, at - time.monotonic()))


def _feed(told: Play) -> None:
    """Write every event when it is due."""
    feeder = Feeder(told.address, linger_ms=0, batch_size=100_000)
    record = _stream(told).record
    count = int(told.rate * told.seconds)
    records = [record(n) for n in range(told.first, told.first + count)]
    begun_at = time.monotonic() + LEAD_S
    _say(f"begin {begun_at}")
    sent = 0
    while sent < count:
        due = min(count, int((time.monotonic() - begun_at) * told.rate) + 1) if time.monotonic() >= begun_at else 0
        for record_now in records[sent:due]:
            feeder.write(told.source, record_now)
        sent = max(sent, due)
        feeder.producer.poll(0)
        time.sleep(TICK_S)
    feeder.finish()
    _say("end")


def _listen(told: Play, kept: Path) -> None:
    """Note when what came of each event was here."""
    consumer = Consumer(
        {
            "bootstrap.servers": told.address,
            "group.id": "listener",
            "enable.auto.commit": False,
            "isolation.level": "read_committed" if told.committed else "read_uncommitted",
        }
    )
    places = [TopicPartition(told.listened, partition) for partition in range(PARTITIONS)]
    consumer.assign(
        [TopicPartition(one.topic, one.partition, consumer.get_watermark_offsets(one, READY_S)[1]) for one in places]
    )
    consumer.poll(0.5)  # connects
    _say("begin")
    heard = _hear(consumer, told, _stream(told).names(told.listened))
    kept.write_text(json.dumps(heard), encoding="utf-8")
    _say("end")


def _hear(consumer: Consumer, told: Play, names: Callable[[Any], Iterable[str]]) -> list[tuple[str, float]]:
    heard: list[tuple[str, float]] = []
    begun_at = last_at = time.monotonic()
    silence_s = PATIENCE_S if told.expected else SILENCE_S
    while not told.expected or len(heard) < told.expected:
        message = consumer.poll(0.2)
        now = time.monotonic()
        if message is None or message.error() is not None:
            if now - max(last_at, begun_at + told.seconds) > silence_s:
                return heard
            continue
        last_at = now
        heard += ((name, now) for name in names(message.value()))
    return heard


def _stream(told: Play) -> Any:
    return importlib.import_module(f"bench.streams.{told.stream}")


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    chosen = Play(**json.loads(sys.argv[2]))
    if sys.argv[1] == "feed":
        _feed(chosen)
    else:
        _listen(chosen, Path(sys.argv[3]))
