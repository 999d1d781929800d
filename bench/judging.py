"""The judge of the fault tests over a deployment of the crowd: order, caps, draws, chain, steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

from bench import crowd
from bench.kafka import Kafka
from bench.source import PARTITIONS
from bench.verify import Wrong, wait_settled
from streams.records import RawEvent
from streams.topology import topic_name
from tests import witness
from tests.faults.case import ACCEPTED, Case, Fed
from tests.faults.checker import CHECKS
from tests.faults.log import read_log

# The others are about what is fed to be refused, and about a history's clock and its end.
ASKED: Final = ("order", "decisions", "activations", "draws", "chain", "versions", "contacts", "steps")


def judge(kafka: Kafka, namespace: str, fed: Sequence[tuple[int, bytes, bytes, RawEvent]], *by_topic: str) -> None:
    """Raise Wrong with everything that the judge finds; `fed` are partition, key, value and event, in order."""

    def stands(noun: str, model: str, partitions: int) -> list[witness.Seen]:
        topic = topic_name(namespace, noun, model)
        wait_settled(kafka.address, topic, partitions)
        return witness.read(kafka.address, topic, partitions)

    told = [Fed(partition, key, value, ACCEPTED, partition, asdict(event)) for partition, key, value, event in fed]
    homes = {event.profile_id: partition for partition, _, _, event in fed}
    filters = list(crowd.policy(*by_topic).points[crowd.POINT].board.filters)
    case = Case(told, homes, crowd.bundle(*by_topic), filters)
    log = read_log(stands, PARTITIONS, sorted(crowd.MODELS))
    flaws = [f"{name}: {flaw}" for name, check in CHECKS.items() if name in ASKED for flaw in check(log, case)]
    if flaws:
        raise Wrong(f"{len(flaws)} flaws: {'; '.join(flaws[:3])}")


