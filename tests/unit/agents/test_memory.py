"""The log in memory: what is its own; what it shares with the real one is in `tests/streams`."""

from __future__ import annotations

from aiokafka.structs import ConsumerRecord

from agents.codecs.avro import DECODERS, ENCODERS
from agents.transport.applier import Output
from streams.records import Tick
from tests.builders import DAY_MS, NOW
from tests.shard import WALL, plain_policy, raw, version
from tests.stream import Deployment


def test_time_passes_only_when_it_is_told_to() -> None:
    deployment = Deployment(plain_policy(), 1, mode="live")
    deployment.learn(version("next_purchase"))
    deployment.beat("next_purchase")
    deployment.tell([raw(at=WALL)])
    deployment.log.pass_time(199)
    assert deployment.said("decisions") == []
    deployment.log.pass_time(1)
    assert len(deployment.said("decisions")) == 1


def test_what_a_reader_writes_is_read() -> None:
    deployment = Deployment(plain_policy(), 1)
    seen: list[str] = []

    def read(record: ConsumerRecord[bytes, bytes]) -> list[Output]:
        seen.append(DECODERS["event"](record.value).event_id)
        return []

    deployment.log.attach("events", "", read)
    deployment.tell([raw(event_id="a"), raw(event_id="b", at=NOW + 1)])
    assert seen == ["a", "b"]


def test_a_tick_does_not_overtake_the_events_that_wait() -> None:
    deployment = Deployment(plain_policy(), 1)
    deployment.send("ticks", None, ENCODERS["tick"](Tick(NOW + DAY_MS)))
    deployment.send("raw-events", b"p", ENCODERS["raw_event"](raw()))
    deployment.log.run()
    (event,) = deployment.said("events")
    assert event.accepted_at == NOW


def test_a_shard_starts_again_from_its_changelog_and_not_from_what_it_had_at_hand() -> None:
    deployment = Deployment(plain_policy(), 1)
    deployment.tell([raw()])
    deployment.rows[0].clear()
    deployment.log.restart(0)
    assert deployment.rows[0].keys() == {key for _, key in deployment.durable_rows()}
    assert deployment.rows[0]
