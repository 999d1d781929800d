"""Erasure: nothing that we know of a person is left, and nothing of what was owed goes out."""

from __future__ import annotations

import pytest

from agents.codecs.rows import ROW_CODEC
from streams.records import ContactState
from streams.state import State
from tests.builders import DAY_MS, HOUR_MS, NOW
from tests.shard import Shard, plain_policy, raw, version
from tests.unit.streams.test_deferrals import MORNING, quiet_policy

CONSENT = {"email": True}


def erase(shard: Shard, at: int = NOW + HOUR_MS, **fields: str) -> None:
    shard.tell(raw("erasure_requested", at, properties={}, **fields))


def told_shard() -> Shard:
    """Return a shard that knows a person well."""
    shard = Shard(plain_policy())
    shard.tell(raw(consent=CONSENT), raw("product_purchased", NOW + 1), raw(profile_id="q"))
    shard.flush()
    return shard


def test_nothing_is_left_but_numbers_that_keep_old_records_out() -> None:
    shard = told_shard()
    before = shard.driver.state.profiles.get("p")
    assert before is not None
    key, seen, decided = before.key, dict(before.seen), dict(before.decided)
    erase(shard)
    shard.flush()
    state = State(shard.rows, ROW_CODEC)
    left = state.profiles.get("p")
    assert left is not None
    assert (left.key, left.series, left.consents, left.suppressed) == (b"", {}, {}, [])
    assert (len(left.seen), left.decided) == (len(seen) + 1, decided)
    assert state.contacts.get("p") is None
    assert state.open_decisions.get("p") is None
    assert not any(key in row for row in shard.rows.values())
    assert state.contacts.get("q") is not None
    assert shard.counted("erasures") == {(): 1}


def test_delivery_channels_are_told_to_send_nothing_more() -> None:
    shard = told_shard()
    erase(shard)
    assert shard.said["contact-states"][-1] == ContactState("p", {}, ["global"], NOW + HOUR_MS)


def test_what_was_accepted_before_is_a_duplicate_still() -> None:
    shard = told_shard()
    erase(shard)
    shard.tell(raw(consent=CONSENT), raw("erasure_requested", NOW + HOUR_MS, properties={}))
    assert shard.counted("records")[("duplicate",)] == 2
    assert len(shard.said["contact-states"]) == 2


def test_who_comes_back_is_a_stranger_with_another_key() -> None:
    shard = told_shard()
    old = shard.driver.state.profiles.get("p")
    assert old is not None
    erase(shard)
    shard.tell(raw(at=NOW + 2 * HOUR_MS, event_id="again"))
    assert shard.said["contact-states"][-1] == ContactState("p", {}, [], NOW + 2 * HOUR_MS)
    person = shard.driver.state.profiles.get("p")
    assert person is not None
    assert person.key
    assert person.consents == {}


def test_what_was_awaited_comes_to_nothing() -> None:
    shard = told_shard()
    erase(shard)
    shard.tick(NOW + 40 * DAY_MS)
    assert {one.profile_id for one in shard.said["rewards"] if one.status == "final"} == {"q"}


@pytest.mark.parametrize("klass", ["promo", "transactional"])
def test_what_waits_for_the_morning_does_not_go_out(klass: str) -> None:
    shard = Shard(quiet_policy(klass=klass))
    shard.tell(raw())
    erase(shard)
    shard.restart()
    shard.tick(MORNING + HOUR_MS)
    assert (shard.said["activations"], len(shard.said["decisions"])) == ([], 1)


def test_a_round_that_waits_for_a_model_is_closed_without_a_decision() -> None:
    shard = Shard(plain_policy())
    shard.learn(version("next_purchase"))
    shard.beat("next_purchase")
    shard.tell(raw())
    erase(shard)
    shard.answer(shard.said["requests"][0], 0.5, 0.5)
    assert (shard.said["decisions"], shard.driver.state.rounds_open) == ([], 0)


def test_an_unknown_person_is_forgotten_too() -> None:
    shard = Shard(plain_policy())
    erase(shard)
    person = shard.driver.state.profiles.get("p")
    assert person is not None
    assert (person.key, len(person.seen)) == (b"", 1)
