"""Delivers by mail: one SMTP conversation for each slice, one mail for each activation.

A mail is taken when the server has answered the end of its text.  Before the text begins nothing was sent, so whatever
fails until then leaves it owed; a server that is silent after the text leaves it unknown, and it is never sent again.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from email.message import EmailMessage
from email.utils import formatdate
from typing import Final

import aiosmtplib

from agents.channels.breaker import Breaker
from agents.channels.contract import BOUNCED, DELIVERED, OWED, REJECTED, UNKNOWN, Fate
from agents.channels.mapping import Unmapped, fill
from streams.policy.providers import Provider
from streams.records import Activation

SLICE_MAX: Final = 50  # mails between two commits: a server takes one in some 20 ms
BEGIN_S: Final = 2.0  # of a slice, after which no mail begins: what was checked before it is still fresh
NO_SUCH_ADDRESS: Final = (550, 551, 553)
PERMANENT: Final = 500


class SmtpKind:
    """A delivery channel that hands mails to a server."""

    repeats: Final = False  # a mail that comes twice is read twice

    def __init__(self, provider: Provider, secret: str, breaker: Breaker | None = None) -> None:
        self._provider: Final = provider
        self._user, _, self._password = secret.partition(":")
        self._breaker: Final = breaker or Breaker()
        self._tries: Final[dict[str, int]] = {}  # of those that are owed, by activation

    @property
    def is_resting(self) -> bool:
        """Whether the breaker is open."""
        return not self._breaker.is_closed

    def room(self) -> int:
        """Return how many mails it takes now."""
        rate = self._provider.rate_per_s
        return self._breaker.room(min(SLICE_MAX, int(rate * BEGIN_S)) if rate else SLICE_MAX)

    async def ask(self, activation_ids: Collection[str]) -> dict[str, Fate]:
        """Return nothing: a mail server does not tell what became of a mail."""
        del activation_ids
        return {}

    async def deliver(self, activations: Sequence[Activation], stamps: Sequence[int]) -> list[Fate]:
        """Hand over these mails, one after the other."""
        mails: list[EmailMessage | Fate] = [
            self._mail(one, stamp) for one, stamp in zip(activations, stamps, strict=True)
        ]
        host, _, port = self._provider.url.rpartition(":")
        client = aiosmtplib.SMTP(
            hostname=host, port=int(port), timeout=self._provider.timeout_ms / 1000, username=self._user or None,
            password=self._password or None,
        )  # fmt: skip
        fates: list[Fate] = []
        until = time.monotonic() + BEGIN_S
        for activation, mail in zip(activations, mails, strict=True):
            if isinstance(mail, Fate):
                fates.append(mail)
            elif time.monotonic() > until or (call := self._breaker.begin()) is None:
                fates.append(Fate(OWED))
            else:
                fate, error = await self._hand_over(client, mail)
                self._breaker.end(call, error)
                fates.append(self._put_off(activation.activation_id, fate))
        if client.is_connected:
            client.close()
        return fates

    def _mail(self, activation: Activation, stamp: int) -> EmailMessage | Fate:
        """Return the mail that an activation is, or its fate where it is none."""
        try:
            parts = fill(self._provider.request, activation)
            mail = EmailMessage()
            mail["From"], mail["To"], mail["Subject"] = str(parts["from"]), str(parts["to"]), str(parts["subject"])
            mail["Date"] = formatdate(stamp / 1000)
            mail["Message-ID"] = f"<{activation.activation_id}@continuo>"
            mail.set_content(str(parts["text"]))
        except Unmapped as lack:
            return Fate(REJECTED, str(lack))
        except ValueError:  # a line break in a header: somebody's content writes headers of its own
            return Fate(REJECTED, "no_mail")
        return mail

    async def _hand_over(self, client: aiosmtplib.SMTP, mail: EmailMessage) -> tuple[Fate, Exception | None]:
        """Return what becomes of a mail, and the error where it says that the server fails."""
        is_sent = False
        try:
            if not client.is_connected:
                await client.connect()
            await client.mail(mail["From"].addresses[0].addr_spec)
            await client.rcpt(mail["To"].addresses[0].addr_spec)
            is_sent = True
            await client.data(mail.as_bytes())
        except aiosmtplib.SMTPResponseException as refused:
            if client.is_connected:
                await _reset(client)
            if refused.code < PERMANENT:
                return Fate(OWED, f"smtp_{refused.code}"), refused
            is_address = isinstance(refused, aiosmtplib.SMTPRecipientRefused) and refused.code in NO_SUCH_ADDRESS
            return Fate(BOUNCED if is_address else REJECTED, f"smtp_{refused.code}"), None
        except (aiosmtplib.SMTPException, OSError) as error:
            client.close()
            return Fate(UNKNOWN, "no_answer") if is_sent else Fate(OWED, "unreachable"), error
        except IndexError:
            return Fate(BOUNCED, "no_address"), None
        return Fate(DELIVERED), None

    def _put_off(self, one: str, fate: Fate) -> Fate:
        """Return the fate of an activation; one that is owed is not tried for ever, while others come through."""
        if fate.outcome != OWED:
            self._tries.pop(one, None)
            return fate
        self._tries[one] = self._tries.get(one, 0) + self._breaker.is_closed
        return Fate(REJECTED, f"given_up:{fate.reason}") if self._tries[one] >= self._provider.attempts else fate


async def _reset(client: aiosmtplib.SMTP) -> None:
    """Forget the mail that was refused, so that the next one can follow on the same connection."""
    try:
        await client.rset()
    except (aiosmtplib.SMTPException, OSError):
        client.close()
