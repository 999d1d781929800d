"""A person as the rules see one: consents, contacts, offers, cool-downs, pressure; and how they come to change."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Any, Final
from zoneinfo import available_timezones

from tests.oracle.bundle import Bundle, Candidate
from tests.oracle.words import DAY_MS, decayed, duration_ms, micro

ZONES: Final = available_timezones()
CONTACTS_MAX: Final = 128
OFFERS_MAX: Final = 32
COOLDOWNS_MAX: Final = 64
TRAVEL_MS: Final = 36 * 3_600_000


@dataclass
class Contact:
    """One contact, or the shadow of one that a held-out person would have had."""

    at: int
    scopes: dict[str, str]  # scope -> its id in it
    klass: str
    activation_id: str
    lease_until: int  # 0 = it was delivered, for good
    ghost: bool


@dataclass
class Offer:
    """What is on offer to a person."""

    activation_id: str
    action: str
    group: str
    line: str
    price: str
    intent: str
    channel: str
    state: str  # reserved | live | redeemed | retracted
    until: int
    ghost: bool


@dataclass
class Person:
    """All of it, contacts oldest first."""

    zone: str = ""  # "" = the policy's
    consents: dict[str, tuple[bool, int]] = field(default_factory=dict)  # granted, said at
    suppressed: list[str] = field(default_factory=list)
    contacts: list[Contact] = field(default_factory=list)
    offers: list[Offer] = field(default_factory=list)
    cooldowns: dict[str, int] = field(default_factory=dict)  # scope -> until
    pressure: dict[str, tuple[int, int]] = field(default_factory=dict)  # delivery channel -> amount, as of
    moved: tuple[int, str] = (-1, "")  # when the zone was told, in which event
    left: list[tuple[str, int]] = field(default_factory=list)  # zones that were left lately, and when

    def counted(self, now: int, *, with_shadows: bool) -> list[tuple[int | None, Contact]]:
        """Return the contacts that count, with their instants; what is in flight comes last, at no instant yet."""
        mine = [one for one in self.contacts if with_shadows or not one.ghost]
        made: list[tuple[int | None, Contact]] = [(one.at, one) for one in mine if not one.lease_until]
        return made + [(None, one) for one in mine if one.lease_until > now]

    def pressed(self, channel: str, now: int, *, with_shadows: bool) -> int:
        """Return the pressure on a delivery channel."""
        total = 0
        for name in (channel, f"ghost:{channel}")[: 1 + with_shadows]:
            amount, since = self.pressure.get(name, (0, 0))
            total += decayed(amount, now - since)
        return total

    # what changes them

    def hear(self, consent: dict[str, bool] | None, at: int) -> None:
        """Take what a person says of consent: the later word holds, of two at one instant the refusal."""
        for scope, granted in (consent or {}).items():
            known = self.consents.get(scope)
            if known is None or at > known[1] or (at == known[1] and not granted):
                self.consents[scope] = (granted, at)

    def move(self, zone: str | None, said: tuple[int, str], home: str) -> None:
        """Take it that a person lives by another clock; said: when, in which event; home: the policy's zone.

        The newest word holds.
        """
        if zone and zone in ZONES and said > self.moved:
            if zone != (self.zone or home):
                here = self.zone or home
                lately = [one for one in self.left if one[1] > said[0] - TRAVEL_MS and one[0] != here]
                self.left = [*lately[-3:], (here, said[0])]
            self.zone, self.moved = zone, said

    def reserve(self, bundle: Bundle, candidate: Candidate, activation_id: str, now: int, *, ghost: bool) -> None:
        """Take a contact that was decided on."""
        action, name = candidate.action, candidate.channel
        channel = bundle.channels[name]
        at = now + channel["delay_s"] * 1000 if ghost else now
        lease_until = 0 if ghost else now + channel["lease_s"] * 1000
        self._insert(Contact(at, candidate.scopes, action["class"], activation_id, lease_until, ghost))
        if action["offer_days"]:
            self.offers.append(
                Offer(
                    activation_id, action["id"], action["group"], action["line"], action["price"], action["intent"],
                    name, "live" if ghost else "reserved", at + action["offer_days"] * DAY_MS, ghost,
                )
            )  # fmt: skip
        key = f"ghost:{name}" if ghost else name
        amount, since = self.pressure.get(key, (0, now))
        self.pressure[key] = (decayed(amount, now - since) + micro(channel["weight"]), now)
        self._forget(bundle, now)

    def report(self, activation_id: str, kind: str, at: int) -> None:
        """Take what a delivery channel says became of a contact in flight."""
        found = next((one for one in self.contacts if one.activation_id == activation_id), None)
        if found is None or not found.lease_until:
            return
        shift = at - found.at
        self.contacts.remove(found)
        if kind == "delivered":
            found.at, found.lease_until = at, 0
            self._insert(found)
        for offer in self.offers:
            if offer.activation_id == activation_id and offer.state == "reserved":
                offer.state = "live" if kind == "delivered" else "retracted"
                offer.until += shift if kind == "delivered" else 0

    def redeem(self, activation_id: str) -> None:
        """Take it that an offer was taken up."""
        for offer in self.offers:
            if offer.activation_id == activation_id and offer.state in ("reserved", "live"):
                offer.state = "redeemed"
                return

    def rest(self, outcome: dict[str, Any], category: str, at: int) -> None:
        """Take it that an outcome has made something unwelcome for a while."""
        length_ms = duration_ms(outcome["cool_down"]) if "cool_down" in outcome else 0
        if not length_ms:
            return
        scope, until = f"category:{category}" if outcome.get("match") else "global", at + length_ms
        if scope not in self.cooldowns:
            kept = [(name, end) for name, end in self.cooldowns.items() if end > at]
            self.cooldowns = dict(kept[1 - COOLDOWNS_MAX :])
        self.cooldowns[scope] = max(until, self.cooldowns.get(scope, 0))

    def _insert(self, contact: Contact) -> None:
        self.contacts.insert(bisect_right([one.at for one in self.contacts], contact.at), contact)

    def _forget(self, bundle: Bundle, now: int) -> None:
        cool_off_ms = bundle.conflicts["cool_off_ms"]
        self.contacts = [one for one in self.contacts if one.at > now - bundle.memory_ms][-CONTACTS_MAX:]
        self.offers = [one for one in self.offers if one.until + cool_off_ms > now][-OFFERS_MAX:]
        self.cooldowns = {scope: until for scope, until in self.cooldowns.items() if until > now}
