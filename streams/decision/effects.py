"""Effects: what a decision leaves in the person's row, so that the next one knows of it.

Theory of operation.  An activation in flight holds a lease on a contact: it counts in every window until it is
delivered (then it counts from its delivery), definitely refused (then it never was) or its lease ends.  Its offer is
reserved with it.  A ghost's entries are shadows: made as if delivered, they bind only what could be held out.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Any, Final

from streams.decision.decay import decayed
from streams.decision.observe import SHADOW
from streams.policy import Candidate, OutcomeType, Policy
from streams.rows import Contacts, Offer

DAY_MS: Final = 86_400_000
CONTACTS_MAX: Final = 128  # about 10 KiB a person; no rule's limit is above 100
SHOWN_MS: Final = 30 * DAY_MS  # how long it matters, between equals, which was shown last
CATEGORY_MAX: Final = 100  # characters, as long as a policy's may be: what is longer is none of them
COOLDOWNS_MAX: Final = 64  # 3 KiB; more categories than a person buys from in a week
SETTLING: Final = ("delivered", "rejected", "bounced")
OFFERS_MAX: Final = 32  # 5 KiB; an offer of its own for each of the last weeks' contacts


def reserve(
    contacts: Contacts,
    policy: Policy,
    candidate: Candidate,
    activation_id: str,
    now: int,
    ghost: bool,
    release_at: int = 0,
) -> None:
    """Count a contact that was decided on: a lease until it is heard of, or a ghost's shadow.

    release_at: where it goes out later than now.
    """
    channel = policy.channels[candidate.channel_id]
    at = now + channel.delay_ms if ghost else now
    _insert(
        contacts, at, candidate.channel_id, candidate.category, candidate.intent, candidate.action_id, candidate.klass,
        activation_id, 0 if ghost else max(now, release_at) + channel.lease_ms, int(ghost),
    )  # fmt: skip
    if candidate.offer_days:
        contacts.offers.append(
            Offer(
                activation_id,
                candidate.action_id,
                candidate.group,
                candidate.line,
                candidate.price,
                candidate.intent,
                candidate.channel_id,
                "live" if ghost else "reserved",
                max(at, release_at) + candidate.offer_days * DAY_MS,
                int(ghost),
            )
        )
    press(contacts, channel.id, channel.weight_ppm, now, ghost=ghost)
    trim(contacts, policy, now)


def press(contacts: Contacts, channel_id: str, weight_ppm: int, now: int, *, ghost: bool) -> None:
    """Add a contact's weight to the pressure of its delivery channel."""
    key = SHADOW + channel_id if ghost else channel_id
    amount, since = contacts.pressure.get(key, (0, now))
    contacts.pressure[key] = [decayed(amount, now - since) + weight_ppm, now]


def settle(contacts: Contacts, activation_id: str, state: str, at: int) -> bool:
    """Note what became of an activation at an instant; False if it is not in flight, or if nothing ends its lease.

    Delivered counts for good, rejected and bounced never were; unknown keeps the lease, a complaint changes nothing.
    A lease that has ended may still be settled: what was delivered late counts from then on.
    """
    if state not in SETTLING or activation_id not in contacts.activation_id:
        return False
    index = contacts.activation_id.index(activation_id)
    if not contacts.lease_until[index]:
        return False
    delivered = state == "delivered"
    shift = at - contacts.at[index]
    row = [column.pop(index) for column in _columns(contacts)]
    if delivered:
        _insert(contacts, at, *row[1:7], 0, row[8])
    for offer in contacts.offers:
        if offer.activation_id == activation_id and offer.state == "reserved":
            offer.state = "live" if delivered else "retracted"
            offer.until += shift if delivered else 0
    return True


def redeem(contacts: Contacts, activation_id: str) -> bool:
    """Note that an offer was taken up: it binds no more. False if there is none."""
    for offer in contacts.offers:
        if offer.activation_id == activation_id and offer.state in ("reserved", "live"):
            offer.state = "redeemed"
            return True
    return False


def cool_down(contacts: Contacts, outcome: OutcomeType, category: str, at: int) -> bool:
    """Let rest what an outcome has made unwelcome: its category, or everything; False if it makes nothing so."""
    if not outcome.cool_down_ms:
        return False
    scope = f"category:{category[:CATEGORY_MAX]}" if outcome.match_category else "global"
    until = at + outcome.cool_down_ms
    for cooldown in contacts.cooldowns:
        if cooldown[0] == scope:
            cooldown[1] = max(cooldown[1], until)
            return True
    contacts.cooldowns = [cooldown for cooldown in contacts.cooldowns if cooldown[1] > at][1 - COOLDOWNS_MAX :]
    contacts.cooldowns.append([scope, until])
    return True


def trim(contacts: Contacts, policy: Policy, now: int) -> None:
    """Forget what can bind nothing any more, and the oldest of what is too much."""
    since = now - max(policy.memory_ms, SHOWN_MS)
    passed = bisect_right(contacts.at, since)
    drop = max(passed, len(contacts.at) - CONTACTS_MAX)
    if drop > 0:
        for column in _columns(contacts):
            del column[:drop]
    if contacts.offers:
        contacts.offers = [o for o in contacts.offers if o.until + policy.conflicts.cool_off_ms > now][-OFFERS_MAX:]
    if contacts.cooldowns:
        contacts.cooldowns = [cooldown for cooldown in contacts.cooldowns if cooldown[1] > now]


def _columns(contacts: Contacts) -> tuple[list[Any], ...]:
    """Return the columns of the contacts, in the order of their fields."""
    return (
        contacts.at, contacts.channel, contacts.category, contacts.intent, contacts.action, contacts.klass,
        contacts.activation_id, contacts.lease_until, contacts.ghost,
    )  # fmt: skip


def _insert(contacts: Contacts, at: int, *rest: str | int) -> None:
    place = bisect_right(contacts.at, at)
    for column, value in zip(_columns(contacts), (at, *rest), strict=True):
        column.insert(place, value)
