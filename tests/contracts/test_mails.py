"""Mails against a real server, which misbehaves when it is told to."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from agents.channels.contract import DeliveryKind
from agents.channels.smtp import SmtpKind
from streams.policy import PolicyRefused, compile_policy
from streams.policy.providers import Provider
from tests.brokers import free_port
from tests.builders import small_policy
from tests.contracts.test_channels import Crash, House, activation, delivered, once

MAIL = {"from": "shop@example.org", "to": "{profile_id}@example.org", "subject": "{content.subject}", "text": "Dear, …"}


class Server:
    """Keeps the mails it takes; `says` answers recipients and texts, by the local part of the recipient."""

    def __init__(self) -> None:
        self.mails: list[Any] = []
        self.rcpt: dict[str, list[str]] = {}
        self.data: dict[str, list[str]] = {}
        self.silent: set[str] = set()
        self.may_answer = threading.Event()

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        said = self.rcpt.get(address.partition("@")[0], [])
        answer = said.pop(0) if said else "250 OK"
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        name = envelope.rcpt_tos[0].partition("@")[0]
        said = self.data.get(name, [])
        answer = said.pop(0) if said else "250 OK"
        if answer.startswith("250"):
            self.mails.append(envelope)
        if name in self.silent:
            server.transport.abort()
        return answer

    def taken(self) -> Counter[str]:
        return Counter(f"activation-{one.rcpt_tos[0].partition('@')[0].removeprefix('person-')}" for one in self.mails)


class MailHouse(House):
    def __init__(self, server: Server, port: int, **told: Any) -> None:
        super().__init__()
        self.server = server
        self.provider = Provider("smtp", f"127.0.0.1:{port}", request=MAIL, **told)

    async def open(self) -> AsyncIterator[DeliveryKind]:
        yield SmtpKind(self.provider, "")

    def sent(self) -> Counter[str]:
        return self.server.taken()

    def why(self) -> dict[str, str]:
        return {str(one.properties["activation_id"])[-1]: f"{one.type.removeprefix('activation_')}:"
                f"{one.properties.get('reason', '')}" for one in self.reports}  # fmt: skip


@pytest.fixture
def house() -> Iterator[MailHouse]:
    server = Server()
    port = free_port()
    controller = Controller(server, hostname="127.0.0.1", port=port)
    controller.start()
    yield MailHouse(server, port)
    controller.stop()


def test_a_mail_says_what_its_template_does_and_is_reported(house: MailHouse) -> None:
    house.run([activation(1), activation(2)])
    assert house.sent() == once(1, 2)
    assert house.told() == delivered(1, 2)
    text = house.server.mails[0].content.decode()
    assert "Subject: Soup, 10 % off" in text
    assert "Message-ID: <activation-1@continuo>" in text


def test_an_address_that_is_none_bounces_and_what_is_refused_for_another_reason_is_rejected(house: MailHouse) -> None:
    house.server.rcpt = {"person-1": ["550 no such user"]}
    house.server.data = {"person-2": ["554 spam"]}
    house.run([activation(1), activation(2), activation(3)])
    assert house.sent() == once(3)
    assert house.why() == {"1": "bounced:smtp_550", "2": "rejected:smtp_554", "3": "delivered:"}


def test_what_is_put_off_is_sent_later(house: MailHouse) -> None:
    house.server.rcpt = {"person-1": ["450 greylisted", "451 not yet"]}
    house.run([activation(1), activation(2)])
    assert house.sent() == once(1, 2)
    assert house.told() == delivered(1, 2)


def test_a_server_that_is_silent_after_the_text_leaves_the_mail_unknown_and_it_is_not_sent_again(
    house: MailHouse,
) -> None:
    house.server.silent = {"person-1"}
    house.run([activation(1), activation(2)])
    house.run([activation(1)])
    assert house.sent() == once(1, 2)
    assert house.why() == {"1": "unknown:no_answer", "2": "delivered:"}


@pytest.mark.parametrize("crash", ["at once", "before", "after"])
def test_a_crash_sends_nothing_twice(house: MailHouse, crash: str) -> None:
    with pytest.raises(Crash):
        house.run([activation(1)], crash=crash)
    house.run([activation(1)])
    assert house.sent() <= once(1)
    assert house.why() == {"1": "delivered:" if crash == "at once" else "unknown:crash"}


def test_content_cannot_write_headers_of_its_own(house: MailHouse) -> None:
    forged = activation(1)
    forged.content = {"subject": "Soup\r\nBcc: everybody@example.org"}
    house.run([forged])
    assert house.why() == {"1": "rejected:no_mail"}


def test_a_mail_in_a_policy_says_what_is_wrong_with_it() -> None:
    bundle = small_policy()
    bundle["delivery_channels"]["email"]["deliver"] = {"kind": "smtp", "url": "mail", "repeats": True, "request": {}}
    with pytest.raises(PolicyRefused) as refused:
        compile_policy(bundle)
    wrong = ("host:port", "knows no repetitions", "from, to, subject, text")
    assert [words for words in wrong if words not in str(refused.value)] == []
