"""Counts: what steps count becomes metrics, under the names that are declared."""

from __future__ import annotations

from agents.counts import COUNTERS, Counts
from agents.telemetry import BY_NAME, Telemetry
from tests.builders import NOW
from tests.shard import Shard, plain_policy, raw, version


def value(telemetry: Telemetry, name: str, **labels: str) -> float | None:
    return telemetry.registry.get_sample_value(name, labels)


def test_a_turn_is_told_in_metrics() -> None:
    telemetry, shard = Telemetry(), Shard(plain_policy())
    counts = Counts(telemetry)
    shard.learn(version("next_purchase"))
    shard.beat("next_purchase")
    shard.tell(raw(), raw(), raw("dreamt"), raw(at=NOW + 1, event_id="2"))
    shard.answer(shard.said["requests"][0], 0.5)
    shard.flush()
    counts.report(shard.driver)
    shard.driver.out.clear()
    counts.report(shard.driver)
    assert value(telemetry, "continuo_ingest_records_total", outcome="accepted") == 2
    assert value(telemetry, "continuo_ingest_records_total", outcome="duplicate") == 1
    assert value(telemetry, "continuo_ingest_dead_letters_total", cause="unknown_event_type") == 1
    assert value(telemetry, "continuo_propose_answers_total", model="next_purchase", status="error") == 1
    assert value(telemetry, "continuo_propose_answers_total", model="lapse", status="cold") == 2
    assert value(telemetry, "continuo_arbitrate_decisions_total", source="best") == 1
    assert value(telemetry, "continuo_propose_round_seconds_count") == 1
    assert value(telemetry, "continuo_propose_rounds_open", partition="0") == 1
    assert value(telemetry, "continuo_profile_rows", partition="0") == 1


def test_a_cause_is_counted_without_its_detail() -> None:
    telemetry, shard = Telemetry(), Shard()
    shard.tell(raw(properties={}), raw(properties={"basket_id": 1}), raw(properties={"basket_id": "b"}))
    Counts(telemetry).report(shard.driver)
    assert value(telemetry, "continuo_ingest_dead_letters_total", cause="missing") == 2
    assert value(telemetry, "continuo_ingest_dead_letters_total", cause="mistyped") == 1


def test_every_counter_is_declared_as_one() -> None:
    assert {BY_NAME[name].kind for name in COUNTERS.values()} == {"counter"}
