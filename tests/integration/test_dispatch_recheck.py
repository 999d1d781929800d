"""What was decided is checked once more before it goes out: consents, suppressions and an operator's orders."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from agents.__main__ import cli
from agents.codecs.avro import encode_activation, encode_raw_event
from streams.partition import partition_of
from streams.records import Activation, RawEvent
from tests import witness
from tests.builders import DAY_MS, small_policy
from tests.processes import Deployment, end, wait_until
from tests.receivers import Receiver

pytestmark = pytest.mark.kafka

NOW = int(time.time() * 1000)
PEOPLE = ("ann", "bob", "cid", "dan")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as listening:
        yield listening


@pytest.fixture
def deployment(broker: str, tmp_path: Path, receiver: Receiver) -> Iterator[Deployment]:
    bundle = small_policy()
    bundle["delivery_channels"]["app"] |= {
        "consent": "app", "deliver": {"kind": "webhook", "url": f"{receiver.url}/send"},
    }  # fmt: skip
    with Deployment(broker, tmp_path, bundle) as running:
        yield running


def activation(person: str, number: int, action: str = "soup_off") -> Activation:
    return Activation(
        f"{person}-{number}", f"decision-{number}", person, action, f"{action}.app", "app", {"text": "Soup"}, NOW, NOW,
        NOW + DAY_MS, "hash", None,
    )  # fmt: skip


def write(running: Deployment, noun: str, records: Iterable[tuple[str, bytes]]) -> None:
    running.feed(
        noun, [(partition_of(person, running.partitions), person.encode(), value) for person, value in records]
    )


def activate(running: Deployment, *activations: Activation) -> None:
    write(running, "activations", [(one.profile_id, encode_activation(one)) for one in activations])


def tell(running: Deployment, *events: RawEvent) -> None:
    write(running, "raw-events", [(one.profile_id, encode_raw_event(one)) for one in events])


def reasons(running: Deployment) -> dict[str, str]:
    """Return why activations were rejected, by activation."""
    reports = running.records("raw-events", "raw_event")
    found = {str(one.properties["activation_id"]): one for one in reports if one.type == "activation_rejected"}
    return {one: str(report.properties["reason"]) for one, report in found.items()}


def stated(running: Deployment) -> dict[str, Any]:
    return {one.profile_id: one for one in running.records("contact-states", "contact_state")}


def ordered(running: Deployment, *arguments: str, code: int = 0) -> str:
    """Run a command, in this process, and return all that it says."""
    ran = CliRunner(env=running.environment).invoke(cli, list(arguments))
    assert ran.exit_code == code, ran.output
    return ran.output


def test_a_consent_withdrawn_or_a_bounce_after_the_decision_keeps_the_activation_from_going_out(
    deployment: Deployment, receiver: Receiver
) -> None:
    worker, channel = deployment.run("worker"), deployment.run("channel", "run", "app")
    said = {"activation_id": "x", "decision_id": "y", "delivery_channel": "app"}
    basket = RawEvent("1", "", "basket_completed", NOW, "till", {"basket_id": "b", "amount": 1.0})
    tell(
        deployment,
        replace(basket, profile_id="ann", consent={"app": True}),
        replace(basket, profile_id="bob", consent={"app": False}),
        RawEvent("2", "cid", "activation_bounced", NOW, "provider", {**said, "reason": "gone"}),
    )
    wait_until("three states", lambda: len(stated(deployment)) == 3)
    activate(deployment, *(activation(person, 1) for person in PEOPLE))
    wait_until("two rejections", lambda: len(reasons(deployment)) == 2)
    assert reasons(deployment) == {"bob-1": "consent", "cid-1": "suppression"}
    wait_until("two calls", lambda: set(receiver.keys()) == {"ann-1", "dan-1"})
    tell(deployment, replace(basket, profile_id="bob", event_id="3", occurred_at=NOW + 1, consent={"app": True}))
    wait_until("his consent", lambda: stated(deployment)["bob"].consents["app"])
    activate(deployment, activation("bob", 2))
    wait_until("a call", lambda: receiver.keys()["bob-2"] == 1)
    assert {end(channel), end(worker)} == {0}
    assert set(receiver.keys()) == {"ann-1", "dan-1", "bob-2"}


def test_what_an_operator_stops_does_not_go_out_and_all_his_orders_are_kept(
    deployment: Deployment, receiver: Receiver
) -> None:
    channel = deployment.run("channel", "run", "app")
    activate(deployment, activation("ann", 1))
    wait_until("a call", lambda: receiver.keys()["ann-1"] == 1)
    said = ordered(deployment, "kill", "action", "soup_off", "--because", "a wrong price")
    assert "off  action:soup_off  by " in said
    activate(deployment, activation("ann", 2), activation("ann", 3, "soup_more"))
    wait_until("the other call", lambda: receiver.keys()["ann-3"] == 1)
    wait_until("a rejection", lambda: reasons(deployment) == {"ann-2": "killed"})

    ordered(deployment, "channel", "pause", "app", "--because", "the provider asks for it")
    activate(deployment, *(activation(person, 4, "soup_more") for person in PEOPLE))
    ordered(deployment, "kill", "action", "soup_off", "--lift", "--because", "mended")
    group, topic = f"{deployment.namespace}.channel.app", deployment.topic("activations")
    with pytest.raises(AssertionError, match="not within"):  # it reads what came, and lets none of it out
        wait_until("a call", lambda: len(receiver.calls) > 2, 2)
    assert witness.lag(deployment.broker, group, topic, deployment.partitions) > 0
    ordered(deployment, "channel", "resume", "app", "--because", "it is well again")
    wait_until("what waited", lambda: all(receiver.keys()[f"{person}-4"] == 1 for person in PEOPLE))
    activate(deployment, activation("ann", 5))
    wait_until("the action again", lambda: receiver.keys()["ann-5"] == 1)
    assert end(channel) == 0
    listed = ordered(deployment, "kill", "list").splitlines()
    assert [line.split("Z  ")[1].split("  by ")[0].split() for line in listed] == [
        ["off", "action:soup_off"], ["off", "channel:app"], ["on", "action:soup_off"], ["on", "channel:app"],
    ]  # fmt: skip
    assert all(switch.reason for switch in deployment.records("switches", "switch", 1))


def test_an_order_about_what_no_policy_has_is_refused(deployment: Deployment) -> None:
    said = ordered(deployment, "kill", "action", "soup_of", "--because", "a typo", code=1)
    assert "did you mean 'soup_off'?" in said
    assert deployment.read("switches", 1) == []
