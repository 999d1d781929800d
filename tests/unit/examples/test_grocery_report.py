from pathlib import Path
from typing import Any

import pytest
from aiokafka import ConsumerRecord

from agents.codecs.avro import (
    encode_activation,
    encode_dead_letter,
    encode_decision_note,
    encode_event,
    encode_raw_event,
    encode_reward,
)
from agents.policy_files import load_bundle
from examples.grocery import adapter, expected
from examples.grocery.layout import report
from examples.grocery.reckoning import Reckoning
from streams.policy import compile_policy
from streams.records import Activation, DeadLetter, DecisionNote, Event, Origin, RawEvent, Reward

FOLDER = Path(adapter.__file__).parent / "policy"


def record(value: bytes, timestamp: int = 1_000) -> ConsumerRecord[bytes, bytes]:
    return ConsumerRecord("t", 0, 0, timestamp, 0, b"k", value, None, 1, len(value), ())


def raw(kind: str, event_id: str, **properties: Any) -> ConsumerRecord[bytes, bytes]:
    return record(encode_raw_event(RawEvent(event_id, "h-1", kind, 1, "grocery", properties)))


def accepted(kind: str, event_id: str, **properties: Any) -> ConsumerRecord[bytes, bytes]:
    return record(encode_event(Event(event_id, "h-1", kind, 1, "grocery", properties, None, None, 1, None)))


def reward(status: str, *, ghost: bool, value_micro: int) -> ConsumerRecord[bytes, bytes]:
    told = Reward("r", "d", "h-1", "purchase", 1, status, "a", ghost, 1, 1, value_micro, 1, 2)
    return record(encode_reward(told))


@pytest.fixture
def reckoning() -> Reckoning:
    return Reckoning(compile_policy(dict(load_bundle(FOLDER))))


def test_duplicates_are_what_is_neither_accepted_nor_refused(reckoning: Reckoning) -> None:
    told = [raw("basket_completed", str(n)) for n in range(5)]
    reckoning.take("raw-events", [*told, told[0], record(b"junk basket_completed")])
    reckoning.take("events", [accepted("basket_completed", str(n)) for n in range(5)])
    lost = DeadLetter("undecodable:magic", "", Origin("grocery.raw-events.v1", 0, 6, 1), None, b"junk", [], 1)
    other = DeadLetter("undecodable:magic", "", Origin("grocery.proposals.v1", 0, 6, 1), None, b"junk", [], 1)
    reckoning.take("dead-letters", [record(encode_dead_letter(lost)), record(encode_dead_letter(other))])
    summary = reckoning.summary(0.0)
    assert summary["events_in"] == 7
    assert summary["events_accepted"] == summary["triggers"] == 5
    assert summary["duplicates"] == 1
    assert summary["dead_letters"] == {"undecodable:magic": 2}


def test_a_trigger_is_told_by_the_type_and_not_by_what_an_event_says(reckoning: Reckoning) -> None:
    decoy = accepted("campaign_started", "1", campaign="basket_completed")
    reckoning.take("events", [decoy, accepted("basket_completed", "2")])
    assert reckoning.summary(0.0)["triggers"] == 1


def test_only_final_rewards_of_what_was_done_are_credited(reckoning: Reckoning) -> None:
    reckoning.take("rewards", [
        reward("pending", ghost=False, value_micro=5_000_000),
        reward("final", ghost=False, value_micro=3_500_000),
        reward("final", ghost=True, value_micro=9_000_000),
    ])  # fmt: skip
    summary = reckoning.summary(0.0)
    assert summary["rewards"] == 2
    assert summary["credited_value"]["amount"] == 3.5
    assert "not caused by our decisions" in summary["credited_value"]["note"]


def test_the_summary_has_the_keys_that_others_read(reckoning: Reckoning) -> None:
    activation = Activation("a", "d", "h-1", "soup_coupon", "soup_coupon.email", "email", {}, 1, 1, 2, "h", None)
    reckoning.take("activations", [record(encode_activation(activation))])
    reckoning.take("decision-notes", [record(encode_decision_note(DecisionNote("d", "h-1", "late_answer", 1, {})))])
    summary = reckoning.summary(123.45)
    assert list(summary) == [
        "events_in", "events_accepted", "duplicates", "forwarded", "dead_letters", "triggers", "decisions",
        "activations", "withheld", "explored", "held_out", "degraded", "late", "rewards", "examples", "models",
        "credited_value", "events_per_s", "latency_ms", "worker_rss_mb",
    ]  # fmt: skip
    assert summary["activations"] == {"email": 1}
    assert summary["late"] == 1
    assert summary["latency_ms"] == {"p50": 0, "p99": 0}
    assert summary["worker_rss_mb"] == 123.5  # of 123.45, in binary a little more


def year_as_expected() -> dict[str, Any]:
    acted = 60_000
    propensity = {"answered": 9_000, "auc": 0.74, "base_auc": 0.64, "log_loss": 0.5, "base_log_loss": 0.6}
    return {
        "events_in": expected.FED + acted, "events_accepted": expected.FED + acted, "duplicates": 0,
        "dead_letters": {}, "triggers": expected.BASKETS, "decisions": expected.BASKETS, "degraded": 3, "late": 3,
        "activations": {"email": acted}, "models": {"next_purchase": {"2017Q2": propensity}}, "worker_rss_mb": 100.0,
    }  # fmt: skip


def test_a_year_as_expected_has_no_differences() -> None:
    summary = year_as_expected()
    assert expected.is_whole(summary)
    assert list(expected.differences(summary, {"worker_rss_mb_early": 95.0})) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"decisions": 155_847}, "decisions is 155,847"),
        ({"duplicates": 2}, "duplicates is 2"),
        ({"dead_letters": {"future_time": 1}}, "dead letters"),
        ({"degraded": 2_000}, "2,000 decisions are degraded"),
        ({"worker_rss_mb": 120.0}, "a worker takes 120 MB"),
        ({"models": {"m": {"2017Q3": {"answered": 5_000, "auc": 0.5, "base_auc": 0.6}}}}, "m in 2017Q3 ranks no"),
        ({"models": {"m": {"2017Q3": {"answered": 5_000, "rmse": 9.0, "base_rmse": 9.0}}}}, "m in 2017Q3 errs"),
    ],
)
def test_each_difference_is_told(change: dict[str, Any], told: str) -> None:
    found = list(expected.differences(year_as_expected() | change, {"worker_rss_mb_early": 95.0}))
    assert len(found) == 1
    assert told in found[0]


def test_the_report_has_no_empty_sections_and_fits_a_terminal(reckoning: Reckoning) -> None:
    reckoning.take("raw-events", [raw("basket_completed", "1")])
    text = report(reckoning.summary(0.0), reckoning, {}, "grocery")
    assert "A year of groceries" in text
    assert "Activations" not in text
    assert "As expected" not in text
    assert max(map(len, text.splitlines())) <= 100
