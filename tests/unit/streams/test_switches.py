"""What operators, bounces and complaints keep from going out: decided without, and stated for delivery channels."""

from __future__ import annotations

from typing import Any

import pytest

from streams.inputs import SwitchInput
from streams.records import ContactState, RawEvent, Switch
from tests.builders import HOUR_MS, NOW
from tests.shard import Shard, plain_policy, raw

SAID = {"activation_id": "a", "decision_id": "d", "delivery_channel": "app"}


def order(scope: str, *, is_off: bool = True) -> SwitchInput:
    return SwitchInput(Switch(scope, is_off, "ann", "a wrong price", NOW))


def report(kind: str, at: int, **more: Any) -> RawEvent:
    return raw(kind, at, properties={**SAID, **more}, source="channel:app")


def basket(shard: Shard, at: int = NOW) -> str | None:
    """Return why a basket led to no action, None if it led to one."""
    shard.tell(raw(at=at, event_id=f"basket-{at}"))
    return shard.said["decisions"][-1].reason  # type: ignore[no-any-return]


@pytest.fixture
def shard() -> Shard:
    policy = plain_policy()
    policy["actions"][0]["offer_days"] = 0  # what is on offer stands in the way of the next offer
    return Shard(policy)


@pytest.mark.parametrize("scope", ["action:soup_off", "channel:app"])
def test_nothing_of_what_is_off_is_decided_from_the_next_step_on_until_it_is_on_again(shard: Shard, scope: str) -> None:
    assert basket(shard) is None
    before = shard.driver.out.step
    shard.give(order(scope))
    assert shard.driver.out.step == before + 1
    assert basket(shard, NOW + 1) == "suppression"
    shard.restart()
    assert basket(shard, NOW + 2) == "suppression"
    shard.give(order(scope, is_off=False))
    assert basket(shard, NOW + 3) is None
    assert len(shard.said["activations"]) == 2


def test_an_order_about_something_else_changes_nothing_and_one_that_comes_again_is_the_same(shard: Shard) -> None:
    for scope in ("channel:email", "action:tea", "channel:email"):
        shard.give(order(scope))
    assert shard.shard.off == ["action:tea", "channel:email"]
    assert basket(shard) is None


@pytest.mark.parametrize(("kind", "more"), [("activation_bounced", {"reason": "gone"}), ("activation_complained", {})])
def test_a_bounce_and_a_complaint_end_all_contact_by_that_way_until_it_is_lifted(
    shard: Shard, kind: str, more: dict[str, str]
) -> None:
    assert basket(shard) is None
    shard.tell(report(kind, NOW + 1, **more))
    assert shard.said["contact-states"] == [ContactState("p", {}, ["channel:app"], NOW + 1)]
    assert basket(shard, NOW + 2) == "suppression"
    shard.tell(report("suppression_lifted", NOW + 3))
    assert shard.said["contact-states"][1:] == [ContactState("p", {}, [], NOW + 3)]
    assert basket(shard, NOW + 4) is None
    assert [note.kind for note in shard.said["decision-notes"]] == [
        kind.removeprefix("activation_"), "suppression_lifted",
    ]  # fmt: skip


def test_a_second_bounce_states_nothing_new(shard: Shard) -> None:
    shard.tell(report("activation_bounced", NOW, reason="gone"), report("activation_bounced", NOW + 1, reason="gone"))
    assert len(shard.said["contact-states"]) == 1


def test_consents_are_stated_when_they_change_and_only_then(shard: Shard) -> None:
    shard.tell(
        raw(event_id="1", consent={"app": True}),
        raw(event_id="2", at=NOW + 1, consent={"app": True}),
        raw(event_id="3", at=NOW + 2, consent={"app": False, "email": True}),
        raw(event_id="4", at=NOW + 1, consent={"app": True}),  # said earlier, heard later
        raw(event_id="5", at=NOW + 3),
    )
    assert [(one.consents, one.stated_at) for one in shard.said["contact-states"]] == [
        ({"app": True}, NOW), ({"app": False, "email": True}, NOW + 2),
    ]  # fmt: skip


def test_a_bounce_ends_the_lease_of_its_contact_and_an_unknown_fate_keeps_it(shard: Shard) -> None:
    basket(shard)
    basket(shard, NOW + 1)
    first, second = shard.said["activations"]
    for one, kind in ((first, "bounced"), (second, "unknown")):
        said = {**SAID, "activation_id": one.activation_id, "reason": "why"}
        shard.tell(raw(f"activation_{kind}", NOW + HOUR_MS, properties=said, source="channel:app"))
    contacts = shard.driver.state.contacts.get("p")
    assert contacts is not None
    assert contacts.activation_id == [second.activation_id]
    assert contacts.lease_until[0] > NOW + HOUR_MS


def test_a_persons_suppressions_have_a_bound(shard: Shard) -> None:
    for number in range(100):
        said = {**SAID, "delivery_channel": f"way-{number}", "reason": "gone"}
        shard.tell(raw("activation_bounced", NOW + number, properties=said, event_id=f"bounce-{number}"))
    person = shard.driver.state.profiles.get("p")
    assert person is not None
    assert len(person.suppressed) == 64
    assert person.suppressed[-1] == "channel:way-99"
