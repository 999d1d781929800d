"""The stream in memory: a whole deployment runs until nothing is left to do."""

from __future__ import annotations

from aiokafka.structs import ConsumerRecord

from agents.codecs.avro import DECODERS
from agents.transport.applier import Output
from agents.workers.shelf import Shelf
from tests.builders import DAY_MS, NOW
from tests.models import weighted
from tests.shard import WALL, home, plain_policy, raw, version
from tests.stream import Deployment


def deployed(**settings: object) -> Deployment:
    deployment = Deployment(plain_policy(), **settings)  # type: ignore[arg-type]  # settings of several types
    deployment.log.wall = WALL
    return deployment


def served(deployment: Deployment) -> Shelf:
    """Serve next_purchase from a process beside the stream."""
    shelf = Shelf()
    learned = weighted("next_purchase", ["bought_28d.bread", "bought_28d.soup", "baskets_28d"], ["bread", "soup"])
    shelf.put(learned)
    deployment.learn(learned)
    deployment.learn(version("next_purchase", "", kind="heartbeat"))
    deployment.serve("next_purchase", shelf)
    return shelf


def test_an_event_goes_all_the_way_to_examples_across_partitions() -> None:
    deployment = deployed()
    served(deployment)
    people = [home(0, 2), home(1, 2)]
    deployment.tell([raw(at=NOW + n, event_id=str(n), profile_id=people[n % 2]) for n in range(4)], partition=0)
    deployment.tick(NOW + 17 * DAY_MS)
    assert [record.partition for record in deployment.log.records("events")] == [0, 0, 1, 1]
    assert {one.event.profile_id for one in deployment.said("routed-events")} == {people[1]}
    assert [one.version for one in deployment.said("retraining", "next_purchase")] == ["v1"] * 4
    assert len(deployment.said("activations")) == 2


def test_models_inside_the_worker_answer_at_once() -> None:
    deployment = deployed(partitions=1)
    deployment.learn(weighted("lapse", ["recency_d", "baskets_28d"]))
    deployment.tell([raw()])
    deployment.tick(NOW + 17 * DAY_MS)
    (example,) = deployment.said("retraining", "lapse")
    assert example.version == "v1"
    assert 0.0 < example.output < 1.0


def test_time_closes_a_round_that_nobody_answers() -> None:
    deployment = deployed(partitions=1, mode="live")
    deployment.learn(version("next_purchase"))
    deployment.learn(version("next_purchase", "", kind="heartbeat"))
    deployment.tell([raw(at=WALL)])
    deployment.log.pass_time(199)
    assert deployment.said("decisions") == []
    deployment.log.pass_time(1)
    assert len(deployment.said("decisions")) == 1


def test_what_a_reader_writes_is_read() -> None:
    deployment = deployed(partitions=1)
    seen: list[str] = []

    def read(record: ConsumerRecord[bytes, bytes]) -> list[Output]:
        seen.append(DECODERS["event"](record.value).event_id)
        return []

    deployment.log.attach("events", "", read)
    deployment.tell([raw(event_id="a"), raw(event_id="b", at=NOW + 1)])
    assert seen == ["a", "b"]


def test_a_shard_that_starts_again_goes_on_where_it_was() -> None:
    deployment = deployed(partitions=1)
    deployment.tell([raw(event_id="a")])
    deployment.restart(0)
    deployment.tell([raw(event_id="a"), raw(event_id="b", at=NOW + 1)])
    assert [event.event_id for event in deployment.said("events")] == ["a", "b"]
