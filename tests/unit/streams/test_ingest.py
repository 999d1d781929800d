"""Stage 1: one fact once; what cannot be explained is parked with its cause, its place and its bytes."""

from __future__ import annotations

import math
from typing import Any, Final

import pytest

from streams import ingest
from streams.inputs import RawInput, RefusedInput
from streams.partition import partition_of
from streams.records import DeadLetter, Event, Origin, RoutedEvent, Value
from streams.rows import Profile
from tests.builders import DAY_MS, HOUR_MS, NOW, small_policy
from tests.shard import TOPIC, WALL, Shard, home, raw

BASKET: Final[dict[str, Value]] = {"basket_id": "b1", "amount": 12.5}
BOUGHT: Final[dict[str, Value]] = {"category": "soup", "product_id": "tin", "quantity": 1, "amount": 3.25}


def only(said: list[Any]) -> Any:
    assert len(said) == 1
    return said[0]


@pytest.mark.parametrize(
    ("event", "cause"),
    [
        (raw(profile_id=""), "missing:profile_id"),
        (raw(event_id=""), "missing:event_id"),
        (raw(profile_id="p" * 257), "invalid:profile_id"),
        (raw(event_id="e" * 257), "invalid:event_id"),
        (raw(source="s" * 257), "invalid:source"),
        (raw(traceparent="0" * 257), "invalid:traceparent"),
        (raw("dreamt"), "unknown_event_type"),
        (raw(at=0), "invalid:occurred_at"),
        (raw(at=-NOW), "invalid:occurred_at"),
        (raw(at=NOW * 1_000), "invalid:occurred_at"),
        (raw(properties={"basket_id": "b1"}), "missing:amount"),
        (raw(properties=BASKET | {"basket_id": 7}), "mistyped:basket_id"),
        (raw(properties=BASKET | {"basket_id": None}), "mistyped:basket_id"),
        (raw(properties=BASKET | {"amount": "12.5"}), "mistyped:amount"),
        (raw(properties=BASKET | {"amount": True}), "mistyped:amount"),
        (raw(properties=BASKET | {"amount": math.nan}), "not_finite:amount"),
        (raw(properties=BASKET | {"amount": -math.inf}), "not_finite:amount"),
        (raw(properties=BASKET | {"amount": 1e300}), "out_of_range:amount"),
        (raw("product_purchased", properties=BOUGHT | {"quantity": "1"}), "mistyped:quantity"),
        (raw(properties=BASKET | {"lines": 1.5}), "mistyped:lines"),
        (raw(properties=BASKET | {"lines": False}), "mistyped:lines"),
        (raw("identity_linked", properties={"canonical_profile_id": ""}), "missing:canonical_profile_id"),
        (raw("identity_linked", properties={"canonical_profile_id": "c" * 257}), "missing:canonical_profile_id"),
        (raw("activation_delivered", properties={"activation_id": "a"}), "missing:decision_id"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_event_is_one_dead_letter_and_nothing_else(event: Any, cause: str) -> None:
    shard = Shard()
    shard.tell(raw(at=NOW, event_id="before"))
    shard.flush()
    rows = dict(shard.rows)
    letter = only(shard.give(RawInput(event, shard.original(b"the bytes"))))
    assert isinstance(letter, DeadLetter)
    assert letter.cause == cause
    assert letter.detail
    assert letter.origin == Origin(TOPIC, 0, 1, WALL)
    assert (letter.key, letter.value, letter.headers) == (b"key", b"the bytes", [("h", b"1")])
    assert letter.noted_at == WALL
    shard.flush()
    assert shard.rows == rows
    assert shard.counted("records") == {("accepted",): 1, ("dead_letter",): 1}


def test_bytes_that_are_no_record_are_parked_too() -> None:
    shard = Shard()
    letter = only(shard.give(RefusedInput("undecodable:magic", "came 0x07", shard.original(b"\x07"), is_event=True)))
    assert (letter.cause, letter.detail, letter.value) == ("undecodable:magic", "came 0x07", b"\x07")
    assert shard.counted("records") == {("dead_letter",): 1}


def test_only_events_are_counted_as_raw_records() -> None:
    shard = Shard()
    shard.give(RefusedInput("undecodable:tombstone", "", shard.original(None, "continuo.proposals.v1"), is_event=False))
    assert shard.counted("records") == {}
    assert shard.counted("dead_letters") == {("undecodable:tombstone",): 1}


def test_properties_come_out_as_the_catalogue_types_them() -> None:
    policy = small_policy()
    policy["events"]["told"] = {
        "properties": {"a": "bool", "b": "number", "c": "number", "d": "money", "e": "string"}, "optional": ["e"]
    }  # fmt: skip
    shard = Shard(policy)
    told = {"a": True, "b": 2, "c": 0.5, "d": 3, "unheard_of": None}
    kind, typed = ingest.check(raw("told", properties=told), shard.book[shard.shard.policy_hash].events, NOW, live=True)
    with pytest.raises(ingest.Refused, match="mistyped:a"):
        ingest.check(raw("told", properties=told | {"a": 1}), shard.book[shard.shard.policy_hash].events, 0, live=False)
    assert kind.name == "told"
    assert typed == {"a": True, "b": 2, "c": 0.5, "d": 3_000_000}


@pytest.mark.parametrize(("amount", "micro"), [(0.0000005, 1), (-0.0000005, 0), (1.1, 1_100_000), (-2.5, -2_500_000)])
def test_money_is_rounded_half_up_once(amount: float, micro: int) -> None:
    events = Shard().book.popitem()[1].events
    assert ingest.check(raw(properties=BASKET | {"amount": amount}), events, NOW, live=True)[1]["amount"] == micro


def test_the_log_keeps_what_the_producer_said() -> None:
    shard = Shard()
    told = BASKET | {"till": 4}
    shard.tell(raw(properties=told))
    assert only(shard.said["events"]) == Event(
        f"basket_completed-{NOW}", "p", "basket_completed", NOW, "till", told, None, None, NOW, None
    )
    assert shard.outputs[0].raw == b"raw"


def test_live_an_event_may_be_five_minutes_ahead_of_the_clock() -> None:
    shard = Shard(live=True)
    said = shard.tell(raw(at=WALL + 300_000), raw(at=WALL + 300_001))
    assert [type(record) for record in said if isinstance(record, Event | DeadLetter)] == [Event, DeadLetter]
    assert only(shard.said["dead-letters"]).cause == "future_time"


def test_a_history_may_begin_at_any_time_and_jump_a_week() -> None:
    shard = Shard()
    shard.tell(raw(at=NOW), raw(at=NOW + 7 * DAY_MS), raw(at=NOW + 14 * DAY_MS + 1))
    assert [event.occurred_at for event in shard.said["events"]] == [NOW, NOW + 7 * DAY_MS]
    assert only(shard.said["dead-letters"]).cause == "future_time"
    assert shard.shard.clock == NOW + 7 * DAY_MS


def test_what_is_old_is_welcome_and_moves_no_clock() -> None:
    shard = Shard()
    shard.tell(raw(at=NOW), raw(at=NOW - 300 * DAY_MS))
    assert len(shard.said["events"]) == 2
    assert shard.shard.clock == NOW


def test_an_event_that_comes_again_counts_once_whatever_brought_it() -> None:
    shard = Shard(partitions=2)
    person = home(0, 2)
    event = raw(profile_id=person)
    shard.tell(event, event)
    shard.route(event)
    assert len(shard.said["events"]) == 1
    assert shard.counted("records") == {("accepted",): 1, ("duplicate",): 2}


def test_the_same_id_from_another_source_is_another_event() -> None:
    shard = Shard()
    shard.tell(raw(event_id="1", source="till"), raw(event_id="1", source="web"))
    assert len(shard.said["events"]) == 2


def test_a_refused_event_may_come_again_and_be_accepted() -> None:
    shard = Shard()
    shard.tell(raw(event_id="1", properties={}), raw(event_id="1"))
    assert shard.counted("records") == {("dead_letter",): 1, ("accepted",): 1}


def test_an_id_is_remembered_for_a_day_of_the_deployments_clock() -> None:
    person = Profile()
    assert ingest.take(person, 1, NOW)
    assert ingest.take(person, 2, NOW + ingest.SEEN_MS - 1)
    assert list(person.seen) == [1, 2]
    assert ingest.take(person, 3, NOW + ingest.SEEN_MS)
    assert list(person.seen) == [2, 3]


def test_at_most_256_ids_are_remembered_and_overflow_is_counted() -> None:
    shard = Shard()
    shard.tell(*(raw("product_purchased", NOW + number, event_id=str(number)) for number in range(257)))
    person = shard.driver.state.profiles.get("p")
    assert person is not None
    assert len(person.seen) == 256
    assert shard.counted("seen_overflow") == {(): 1}


def test_an_event_that_is_misplaced_goes_to_its_owner_unread() -> None:
    shard = Shard(partitions=2)
    event = raw(profile_id=home(1, 2), properties={"nonsense": True})
    assert shard.tell(event) == [RoutedEvent(event, Origin(TOPIC, 0, 0, WALL), None)]
    assert shard.outputs[-1].key == event.profile_id
    assert shard.outputs[-1].raw == b"raw"
    assert shard.counted("records") == {("forwarded",): 1}


def test_whoever_has_a_row_here_is_at_home_here() -> None:
    shard = Shard(partitions=2)
    person = home(1, 2)
    shard.route(raw(profile_id=person))
    shard.tell(raw(profile_id=person, at=NOW + 1))
    assert [event.profile_id for event in shard.said["events"]] == [person, person]


def test_an_alias_leads_to_the_person_it_stands_for() -> None:
    shard = Shard()
    shard.tell(raw("identity_linked", profile_id="cookie", properties={"canonical_profile_id": "p"}))
    routed = only(shard.tell(raw(profile_id="cookie", at=NOW + 1)))
    assert (routed.event.profile_id, routed.alias) == ("p", "cookie")
    assert (shard.outputs[-1].key, shard.outputs[-1].raw) == ("p", None)
    shard.route(routed.event, routed.alias)
    assert (shard.said["events"][-1].profile_id, shard.said["events"][-1].alias) == ("p", "cookie")
    assert shard.outputs[-2].raw is None
    assert shard.counted("records") == {("accepted",): 2, ("forwarded",): 1}


def test_an_alias_that_came_to_the_wrong_partition_is_found_all_the_same() -> None:
    shard = Shard(partitions=2)
    cookie = home(0, 2)
    shard.tell(raw("identity_linked", profile_id=cookie, properties={"canonical_profile_id": "p"}))
    routed = only(shard.route(raw(profile_id=cookie, at=NOW + 1)))
    assert (routed.event.profile_id, routed.alias) == ("p", cookie)


def test_what_was_accepted_before_the_link_is_not_accepted_again_under_the_person() -> None:
    shard = Shard()
    linked = raw("identity_linked", profile_id="cookie", properties={"canonical_profile_id": "p"})
    shard.tell(raw(profile_id="cookie"), linked)
    assert shard.tell(raw(profile_id="cookie"), linked) == []
    assert shard.counted("records") == {("accepted",): 2, ("duplicate",): 2}


def test_two_aliases_of_each_other_end_after_one_hop() -> None:
    shard = Shard()
    shard.tell(raw("identity_linked", profile_id="a", properties={"canonical_profile_id": "b"}))
    shard.route(raw("identity_linked", profile_id="b", properties={"canonical_profile_id": "a"}))
    for name in ("a", "b"):
        routed = only(shard.tell(raw(profile_id=name, at=NOW + 1, event_id=name)))
        assert shard.route(routed.event, routed.alias)
    assert shard.counted("records") == {("accepted",): 4, ("forwarded",): 2}


def test_a_person_linked_to_himself_is_no_alias() -> None:
    shard = Shard()
    shard.tell(raw("identity_linked", properties={"canonical_profile_id": "p"}), raw(at=NOW + 1))
    assert shard.counted("records") == {("accepted",): 2}


def test_every_record_taken_is_counted_once() -> None:
    shard = Shard(partitions=2)
    here, there = home(0, 2), home(1, 2)
    taken = [raw(profile_id=here), raw(profile_id=here), raw(profile_id=there), raw("dreamt", profile_id=here)]
    shard.tell(*taken)
    shard.route(raw(profile_id=here, at=NOW + HOUR_MS))
    counted = shard.counted("records")
    assert counted == {("accepted",): 2, ("duplicate",): 1, ("forwarded",): 1, ("dead_letter",): 1}
    assert sum(counted.values()) == len(taken) + 1
    assert partition_of(there, 2) == 1


def test_who_has_too_long_a_name_is_refused_where_the_record_came_in() -> None:
    shard = Shard(partitions=2)
    stranger = next(name for name in (str(n) * 300 for n in range(9)) if partition_of(name, 2) == 1)
    letter = only(shard.tell(raw(profile_id=stranger)))
    assert letter.cause == "invalid:profile_id"
