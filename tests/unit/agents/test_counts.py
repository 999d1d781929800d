"""Counts: what steps count becomes metrics, under the names that are declared."""

from __future__ import annotations

from agents.counts import COUNTERS, OTHER, SOURCES_MAX, Counts
from agents.telemetry import BY_NAME, Telemetry
from tests.builders import DAY_MS, NOW
from tests.shard import SMALL, Shard, plain_policy, raw, version


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


def test_what_can_happen_under_a_policy_is_told_before_it_happens() -> None:
    telemetry = Telemetry()
    Counts(telemetry).declare(SMALL)
    told = {name: 0.0 for name in COUNTERS.values() if name != "continuo_ingest_events_total"}  # nobody knows by whom
    found = {one.name: one.value for family in telemetry.registry.collect() for one in family.samples}
    assert {name: value for name, value in found.items() if name in COUNTERS.values()} == told
    assert value(telemetry, "continuo_arbitrate_withheld_total", reason="contact:email-day") == 0
    assert value(telemetry, "continuo_propose_answers_total", model="next_purchase", status="late") == 0
    assert value(telemetry, "continuo_propose_answers_total", model="lapse", status="late") is None  # it is inline


def test_nothing_happens_that_was_not_told_of_before() -> None:
    shard = Shard(plain_policy(contact=[{"id": "one", "scope": "global", "limit": 1, "window": "rolling:7d"}]))
    shard.learn(version("next_purchase"))
    shard.tell(raw(), raw(), raw("dreamt"), raw(properties={}), raw(profile_id=""), raw(at=NOW + 30 * DAY_MS))
    shard.beat("next_purchase")
    shard.tell(raw(at=NOW + 1, event_id="2"), raw(at=NOW + 2, event_id="3", profile_id="q"))
    shard.answer(shard.said["requests"][0], 0.5)
    shard.tell(raw(at=NOW + 3, event_id="4"))
    telemetry = Telemetry()
    counts = Counts(telemetry)
    counts.declare(next(iter(shard.book.values())))
    before = series(telemetry)
    counts.report(shard.driver)
    happened = {one for one, number in series(telemetry).items() if number and one[0].endswith("_total")}
    assert len({name for name, _ in happened}) > 7
    assert {one for one in happened - before.keys() if one[0] != "continuo_ingest_events_total"} == set()


def test_sources_of_which_there_are_too_many_are_one() -> None:
    telemetry, shard = Telemetry(), Shard(plain_policy())
    shard.tell(*(raw(event_id=str(number), source=f"shop-{number}") for number in range(SOURCES_MAX + 2)))
    Counts(telemetry, lambda: 17.0).report(shard.driver)
    assert value(telemetry, "continuo_ingest_events_total", source="shop-0") == 1
    assert value(telemetry, "continuo_ingest_heard_at_seconds", source="shop-0") == 17
    assert value(telemetry, "continuo_ingest_events_total", source=OTHER) == 2


def series(telemetry: Telemetry) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (one.name, tuple(one.labels.items())): one.value
        for family in telemetry.registry.collect()
        for one in family.samples
    }
