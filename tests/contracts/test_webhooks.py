"""A webhook against a receiver that misbehaves, on the same log in memory as the suite of all kinds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from agents.channels.webhook import WebhookKind
from streams.policy import PolicyRefused, compile_policy
from streams.policy.providers import Provider
from streams.records import Activation
from tests.builders import small_policy
from tests.contracts.test_channels import NOW, WebhookHouse, activation, delivered, once
from tests.receivers import GOOD, Manner, Receiver

MANY = 40


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as listening:
        yield listening


def outcomes(house: WebhookHouse) -> Counter[tuple[str, str]]:
    return Counter((one.type, str(one.properties.get("reason", ""))) for one in house.reports)


def many() -> list[Activation]:
    return [activation(number) for number in range(MANY)]


def test_a_call_carries_the_activation_its_id_as_key_the_secret_and_the_trace(receiver: Receiver) -> None:
    given = activation(1)
    given.traceparent = "00-trace"
    house = WebhookHouse(receiver)

    async def open_with_secret() -> object:
        async with WebhookKind(house.provider, "s3cret") as kind:
            yield kind

    house.open = open_with_secret  # type: ignore[assignment, method-assign]
    house.run([given])
    ((key, body, headers),) = receiver.calls
    assert key == "activation-1"
    assert (body["profile_id"], body["content"]) == ("person-1", {"subject": "Soup, 10 % off"})
    assert (headers["Authorization"], headers["traceparent"]) == ("Bearer s3cret", "00-trace")


def test_what_is_answered_by_500_now_and_then_is_repeated_under_its_key_until_it_is_taken(receiver: Receiver) -> None:
    receiver.behave = lambda key, before: Manner(500, carries_out=before % 2 == 1) if before < 2 else GOOD
    house = WebhookHouse(receiver, repeats=True, at_once=1)
    house.run(many()[:3])
    assert house.sent() == once(0, 1, 2)
    assert house.told() == delivered(0, 1, 2)


def test_one_that_is_always_answered_by_500_is_given_up_as_unknown_and_holds_up_no_other(receiver: Receiver) -> None:
    receiver.behave = lambda key, before: Manner(500, carries_out=False) if key == "activation-0" else GOOD
    house = WebhookHouse(receiver, repeats=True, attempts=3)
    house.run(many())
    assert house.sent() == once(*range(1, MANY))
    assert outcomes(house) == Counter(
        {("activation_delivered", ""): MANY - 1, ("activation_unknown", "given_up:http_500"): 1}
    )


def test_one_that_is_never_taken_is_given_up_as_rejected(receiver: Receiver) -> None:
    receiver.behave = lambda key, before: Manner(503, carries_out=False) if key == "activation-0" else GOOD
    house = WebhookHouse(receiver, attempts=3)
    house.run(many())
    assert outcomes(house) == Counter(
        {("activation_delivered", ""): MANY - 1, ("activation_rejected", "given_up:http_503"): 1}
    )


def test_a_500_of_a_receiver_that_knows_no_repetitions_is_unknown_and_never_sent_again(receiver: Receiver) -> None:
    receiver.behave = lambda key, before: Manner(500)
    house = WebhookHouse(receiver)
    house.run([activation(1)])
    house.run([activation(1)])
    assert receiver.keys() == once(1)
    assert house.told() == Counter([("activation_unknown", "activation-1")])


def test_what_is_taken_and_not_answered_in_time_is_unknown_asked_about_and_not_sent_again(receiver: Receiver) -> None:
    receiver.behave = lambda key, before: Manner(wait_s=5.0) if key == "activation-1" else GOOD
    house = WebhookHouse(receiver, timeout_ms=300, query_url=f"{receiver.url}/status/{{activation_id}}")
    house.run([activation(1), activation(2)], resolves=True)
    assert receiver.keys() == once(1, 2)
    assert house.told() == Counter(
        [("activation_unknown", "activation-1")] + [("activation_delivered", f"activation-{n}") for n in (1, 2)]
    )
    assert not house.unknown


def test_an_unknown_one_is_asked_about_by_the_next_process_too(receiver: Receiver) -> None:
    receiver.behave = lambda key, before: Manner(500)
    house = WebhookHouse(receiver, query_url=f"{receiver.url}/status/{{activation_id}}")
    house.run([activation(1)])
    assert set(house.unknown) == {"activation-1"}
    house.run(resolves=True)
    assert house.told() == Counter([("activation_unknown", "activation-1"), ("activation_delivered", "activation-1")])
    assert receiver.keys() == once(1)


def test_a_receiver_ten_times_too_slow_gets_everything_once(receiver: Receiver) -> None:
    receiver.behave = lambda key, before: Manner(wait_s=0.2)
    house = WebhookHouse(receiver)
    house.run(many())
    assert receiver.keys() == once(*range(MANY))
    assert house.told() == delivered(*range(MANY))


def test_a_receiver_that_is_away_gets_everything_when_it_is_back(receiver: Receiver) -> None:
    receiver.leave()
    house = WebhookHouse(receiver, repeats=True)
    loops = 0

    def refuse(one: Activation) -> str:  # asked before each slice: it tells how often it was tried
        nonlocal loops
        loops += 1
        if loops == MANY + 2:
            receiver.listen()
        return ""

    house.refused = Refusals(refuse)
    house.run(many())
    assert house.sent() == once(*range(MANY))
    assert house.told() == delivered(*range(MANY))


class Refusals(dict[str, str]):
    """Asks for each activation."""

    def __init__(self, refuse: object) -> None:
        super().__init__()
        self._refuse = refuse

    def get(self, key: str, default: object = "") -> str:
        assert callable(self._refuse)
        return str(self._refuse(activation(int(key.rpartition("-")[2]))))


def test_what_is_refused_for_good_is_rejected_with_the_status(receiver: Receiver) -> None:
    receiver.behave = lambda key, before: Manner(404, carries_out=False)
    house = WebhookHouse(receiver)
    house.run([activation(1)])
    assert receiver.keys() == once(1)
    assert outcomes(house) == Counter([("activation_rejected", "http_404")])


def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    receiver.behave = lambda key, before: Manner(307, carries_out=False)
    house = WebhookHouse(receiver)
    house.run([activation(1)])
    assert outcomes(house) == Counter([("activation_rejected", "http_307")])


def test_a_rate_bounds_what_begins_in_a_second(receiver: Receiver) -> None:
    provider = Provider("webhook", f"{receiver.url}/send", rate_per_s=5)
    assert WebhookKind(provider, "").room() == 10


def test_request_and_answer_are_mapped_as_the_policy_declares(receiver: Receiver) -> None:
    receiver.behave = lambda key, before: Manner(body={"result": {"code": {"1": 0, "2": 17, "3": 99}[key[-1]]}})
    house = WebhookHouse(
        receiver,
        request={"to": "{profile_id}", "text": "Dear customer: {content.subject}", "at": "{release_at}", "v": 1},
        answer_field="result.code",
        meanings={"0": "delivered", "17": "bounced"},
    )
    lacking = activation(4)
    lacking.content = {}
    house.run([activation(1), activation(2), activation(3), lacking])
    assert receiver.calls[0][1] == {
        "to": "person-1", "text": "Dear customer: Soup, 10 % off", "at": NOW + 1, "v": 1,
    }  # fmt: skip
    assert outcomes(house) == Counter(
        [
            ("activation_delivered", ""),
            ("activation_bounced", "17"),
            ("activation_unknown", "answer:99"),
            ("activation_rejected", "unmapped:content.subject"),
        ]
    )


def test_a_provider_in_a_policy_says_what_is_wrong_with_it() -> None:
    bundle = small_policy()
    bundle["delivery_channels"]["app"]["deliver"] = {
        "kind": "webhook", "url": "ftp://x", "query_url": "http://x/{profile_id}", "timeout_s": 60,
        "request": {"to": ["{phone}"]}, "auth": {"secret": "CONTINUO_KEY"}, "response": {"field": "x"},
    }  # fmt: skip
    with pytest.raises(PolicyRefused) as refused:
        compile_policy(bundle)
    told = str(refused.value)
    wrong = ("ftp://x", "{activation_id}", "timeout_s", "{phone} stands for nothing", "CONTINUO_KEY", "expected values")
    assert [words for words in wrong if words not in told] == []
