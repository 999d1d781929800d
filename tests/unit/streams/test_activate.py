"""Stage 5: one instruction per decision, never twice."""

from __future__ import annotations

from streams import activate
from streams.ids import derive
from tests.builders import DAY_MS, NOW, make_round
from tests.shard import Shard, plain_policy, raw


def test_an_activation_is_the_decisions_own() -> None:
    shard = Shard(plain_policy())
    shard.tell(raw(traceparent="00-ab-cd-01"))
    (decision,), (activation,) = shard.said["decisions"], shard.said["activations"]
    assert activation.activation_id == derive("activation", decision.decision_id, "checkout", "0")
    assert (activation.decision_id, activation.profile_id) == (decision.decision_id, "p")
    assert (activation.action, activation.treatment, activation.delivery_channel) == ("soup_off", "soup_off.app", "app")
    assert activation.content == {"text": "Soup, 10 % off"}
    assert (activation.decided_at, activation.release_at, activation.expires_at) == (NOW, NOW, NOW + 14 * DAY_MS)
    assert (activation.policy_hash, activation.traceparent) == (decision.policy_hash, "00-ab-cd-01")


def test_an_activation_ends_with_its_action() -> None:
    policy = plain_policy()
    policy["actions"][0]["valid_to"] = "2017-07-16"
    shard = Shard(policy)
    shard.tell(raw())
    assert NOW < shard.said["activations"][0].expires_at < NOW + 3 * DAY_MS


def test_what_offers_nothing_may_be_delivered_while_its_contact_is_reserved() -> None:
    policy = plain_policy()
    policy["actions"][0]["offer_days"] = 0
    policy["delivery_channels"]["app"]["lease_s"] = 7_200
    shard = Shard(policy)
    shard.tell(raw())
    assert shard.said["activations"][0].expires_at == NOW + 7_200_000


def test_a_ghost_sends_nothing_and_binds_the_person_all_the_same() -> None:
    shard = Shard(plain_policy(holdout={"share": 1, "seed": "s"}))
    shard.tell(raw())
    (decision,) = shard.said["decisions"]
    assert (decision.source, decision.action, decision.ghost_action) == ("holdout", None, "soup_off")
    assert (decision.activation_id, decision.reason) == (None, "holdout")
    assert shard.said["activations"] == []
    contacts = shard.driver.state.contacts.get("p")
    assert contacts is not None
    assert (contacts.ghost, contacts.lease_until) == ([1], [0])


def test_the_id_depends_on_family_slot_and_deferral_only() -> None:
    first, again = make_round("d"), make_round("d2", family="d", deferrals=1)
    assert activate.activation_id(first, "s") == derive("activation", "d", "s", "0")
    assert activate.activation_id(first, "t") == derive("activation", "d", "t", "0")
    assert activate.activation_id(again, "s") == derive("activation", "d", "s", "1")
