"""The part of the judge that counts contacts: no cap is passed, whatever was decided, delivered or held out when."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from tests.faults.case import Case, Flaws
from tests.faults.log import Log

DAY_MS: Final = 86_400_000
REFUSED: Final = -1


@dataclass
class Contact:
    """One contact of a person, or a shadow of one."""

    scopes: dict[str, str]  # scope -> the contact's value in it
    leased_until: int
    at: int = 0  # of its delivery; 0 = not heard of yet

    def is_in(self, begin: int, now: int, *, is_open: bool) -> bool:
        """Tell whether it counts in a window that begins at `begin`; a contact in flight counts in every one."""
        if self.at == REFUSED:
            return False
        if not self.at:
            return self.leased_until > now
        return self.at > begin if is_open else self.at >= begin


class _Catalogue:
    """What one policy says of its actions."""

    def __init__(self, bundle: dict[str, Any]) -> None:
        self.bundle: Final = bundle
        self.actions: Final = {action["id"]: action for action in bundle["actions"]}
        treatments = (one for action in self.actions.values() for one in action["treatments"])
        self.channels: Final = {one["id"]: one["channel"] for one in treatments}  # by treatment


def check_contacts(log: Log, case: Case) -> Flaws:
    """At each decision for an action, or for a ghost's, every rule of the contact policy had room for it."""
    catalogues = {name: _Catalogue(bundle) for name, bundle in case.policies.items()}
    zone = ZoneInfo(case.bundle["zone"])
    known: dict[str, Contact] = {}  # by activation
    by_person: dict[str, list[Contact]] = defaultdict(list)
    for _, _, told in _in_step_order(log):
        if "activation_id" not in told:  # a report
            contact = known.get(told["properties"]["activation_id"])
            if contact and not contact.at:
                contact.at = told["occurred_at"] if told["type"] == "activation_delivered" else REFUSED
            continue
        name = told["action"] or told["ghost_action"]
        if name is None:
            continue
        now, mine = told["decided_at"], by_person[told["profile_id"]]
        catalogue = catalogues[told["policy_hash"]]
        action = catalogue.actions[name]
        channel = catalogue.channels[told["treatment"]] if told["treatment"] else None  # a ghost's is not told
        scopes = {"global": "*", "category": action["category"], "intent": action["intent"], "action": name}
        if channel:
            scopes["channel"] = channel
        for rule in catalogue.bundle["contact"]:
            value = scopes.get(rule["scope"])
            if value is None or rule["value"] not in ("*", value) or rule["class"] not in ("*", action["class"]):
                continue
            begin, is_open = _begin(rule["window"], now, zone)
            count = sum(
                one.scopes.get(rule["scope"]) == value and one.is_in(begin, now, is_open=is_open) for one in mine
            )
            if count >= rule["limit"]:
                yield f"{told['decision_id']}: {rule['id']} allows {rule['limit']}, there were {count} before"
        if channel:
            lease_ms = catalogue.bundle["delivery_channels"][channel]["lease_s"] * 1000
            contact = known[told["activation_id"]] = Contact(scopes, now + lease_ms)
        else:
            contact = Contact(scopes, 0, now)
        mine.append(contact)


def _in_step_order(log: Log) -> list[tuple[tuple[int, int], int, dict[str, Any]]]:
    """Return reports and decisions in the order in which their shards took them."""
    reports = [one for one in log.said["events"] if one.told["type"].startswith("activation_")]
    both = [((one.shard, one.step), 0, one.told) for one in reports]
    both += [((one.shard, one.step), 1, one.told) for one in log.said["decisions"]]
    return sorted(both, key=lambda one: one[:2])


def _begin(window: str, now: int, zone: ZoneInfo) -> tuple[int, bool]:
    """Return where a window that ends now begins, and whether that instant itself is out of it."""
    if window.startswith("rolling:"):
        return now - int(window.removeprefix("rolling:").removesuffix("d")) * DAY_MS, True
    day = datetime.fromtimestamp(now / 1000, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    if window == "week":
        day -= timedelta(days=day.weekday())
    if window == "month":
        day = day.replace(day=1)
    return int(day.timestamp() * 1000), False
