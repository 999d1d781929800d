"""The part of the judge that reads the rows which are left: they say what each person's history has made of them."""

from __future__ import annotations

import hashlib
from typing import Any, Final

from tests.faults.case import Flaws
from tests.faults.log import Log
from tests.faults.reckoning import Life, Reckoning
from tests.oracle.people import Person
from tests.oracle.words import DAY_MS

SEEN_MS: Final = DAY_MS
SEEN_MAX: Final = 256
DECIDED_MS: Final = 30 * DAY_MS
GENESIS: Final = bytes(32)


def check_rows(log: Log, shard: int, reckoning: Reckoning) -> Flaws:
    """What is left in the rows of a shard is where the reckoning of its people ends."""
    profiles, contacts = log.rows(b"P"), log.rows(b"C")
    for name, life in reckoning.lives.items():
        row = profiles.get((shard, name))
        if row is not None:  # that there is one is another check's word
            wanted = [life.person.zone or reckoning.bundle.zone, _consents(life.person), _seen(life), _decided(life)]
            told = [row[0], row[3], row[5], row[7]]
            yield from _differences(f"profile of {name}", ("zone", "consents", "seen", "decided"), told, wanted)
        person = life.person
        if contacts.get((shard, name)) or person.contacts or person.cooldowns:
            yield from _check_contacts(name, contacts.get((shard, name)), person)
    last = next((one.told["hash"] for one in reversed(log.said["decisions"]) if one.shard == shard), GENESIS)
    ticks = [one.told["ticked_at"] for one in log.said["ticks"] if one.partition == shard]
    clock, policy_hash, chain, *_ = log.rows(b"S")[shard, ""]
    wanted = [max([reckoning.clock, *ticks]), reckoning.policy_hash, last]
    yield from _differences(f"shard {shard}", ("clock", "policy_hash", "chain"), [clock, policy_hash, chain], wanted)


def _check_contacts(name: str, row: list[Any] | None, person: Person) -> Flaws:
    if row is None:
        yield f"contacts of {name}: there are none, not {len(person.contacts)}"
        return
    one_by_one = [
        [one.at, one.scopes["channel"], one.scopes["category"], one.scopes["intent"], one.scopes["action"], one.klass,
         one.activation_id, one.lease_until, int(one.ghost)]
        for one in person.contacts
    ]  # fmt: skip
    offers = [
        [one.activation_id, one.action, one.group, one.line, one.price, one.intent, one.channel, one.state, one.until,
         int(one.ghost)]
        for one in person.offers
    ]  # fmt: skip
    wanted = [one_by_one, offers, person.cooldowns, {name: list(one) for name, one in person.pressure.items()}]
    told = [[list(one) for one in zip(*row[:9], strict=True)], row[9], dict(row[10]), row[11]]
    yield from _differences(f"contacts of {name}", ("contacts", "offers", "cooldowns", "pressure"), told, wanted)


def _consents(person: Person) -> dict[str, list[int]]:
    return {scope: [int(granted), at] for scope, (granted, at) in person.consents.items()}


def _seen(life: Life) -> dict[int, int]:
    """Return what is remembered of the events of the last day: a fingerprint each, and when it was accepted."""
    last = life.accepted[-1]["accepted_at"]
    recent = [one for one in life.accepted if one["accepted_at"] > last - SEEN_MS][-SEEN_MAX:]
    return {_fingerprint(one["source"], one["event_id"]): one["accepted_at"] for one in recent}


def _decided(life: Life) -> dict[int, int]:
    made = {int(name[:15], 16): trigger["accepted_at"] for name, (trigger, *_) in life.opened.items()}
    last = max(made.values(), default=0)
    return {number: at for number, at in made.items() if at > last - DECIDED_MS}


def _fingerprint(source: str, event_id: str) -> int:
    text = f"{len(source)}:{source}{event_id}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") >> 1


def _differences(what: str, names: tuple[str, ...], told: list[Any], wanted: list[Any]) -> Flaws:
    for name, one, other in zip(names, told, wanted, strict=True):
        if one != other:
            yield f"{what}: {name} {str(one)[:120]}, not {str(other)[:120]}"
