"""A crowd: a large policy and the persons that it decides about, all from a seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from streams.decision import Occasion, Verdict, decide
from streams.decision.calendar import starts
from streams.policy import Point, Policy
from streams.records import Calibrator, Feature
from streams.rows import Answer, Contacts, Offer, Profile
from tests.builders import DAY_MS, HOUR_MS, NOW

CATEGORIES: Final = ("bread", "cheese", "coffee", "fruit", "juice", "milk", "snacks", "soup")
INTENTS: Final = ("retain", "winback", "upsell", "cross_sell", "collect", "service")
CHANNELS: Final = ("app", "email", "push", "sms")
ZONES: Final = ("Europe/Paris", "America/New_York", "Asia/Tokyo", "Pacific/Chatham", "")
PRODUCTS: Final = ("recalled", "plain", "fancy")

_ELIGIBLE: Final = (
    "", "age >= 18", "age >= 21 and age <= 70", "member", "age >= 16 and member", "segment in ('mass', 'loyal')",
    "segment != 'mass' or spend_28d > 3 * last_amount", "not member",
)  # fmt: skip
_APPLICABLE: Final = (
    "", "bought_28d >= 1", "recency_d <= 30", "bought_28d < 5 and recency_d <= 14", "bought_28d.soup + bought_28d >= 2",
    "spend_28d > 2 * last_amount or recency_d > 3", "spend_28d >= 0",
)  # fmt: skip
_SUITABLE: Final = (
    "",
    "not complaint",
    "not (recency_d > 25 and complaint)",
    "last_product != 'recalled'",
    "-recency_d <= 0",
)


def crowd_policy(seed: int, actions: int = 50, *, loose: bool = False, timed: bool = True) -> dict[str, Any]:
    """Return a bundle of so many actions in one or two treatments.

    A loose one lets more candidates through; a timed one has quiet hours and a model that moves releases.
    """
    chance = random.Random(seed)
    catalogue = [_action(chance, index, loose=loose) for index in range(actions)]
    bundle: dict[str, Any] = {
        "name": "crowd",
        "currency": "EUR",
        "zone": "Europe/Paris",
        "events": {
            "bought": {"properties": {"category": "string", "product": "string", "amount": "money"}},
            "told": {"properties": {"age": "int", "member": "bool", "segment": "string", "complaint": "bool"}},
            "left": {},
        },
        "features": {
            "age": {"last": "told.age"},
            "bought_28d": {"count": "bought", "by": "category", "window": "28d"},
            "complaint": {"last": "told.complaint"},
            "last_amount": {"last": "bought.amount"},
            "last_product": {"last": "bought.product"},
            "member": {"last": "told.member"},
            "recency_d": {"recency": "bought", "unit": "d"},
            "segment": {"last": "told.segment"},
            "spend_28d": {"sum": "bought.amount", "window": "28d"},
        },
        "delivery_channels": {
            "app": {"cost": 0, "threshold": 0, "contact_value": 1, "kappa": 0.001, "weight": 0.2},
            "email": {
                "cost": 0.001,
                "threshold": 0.01,
                "contact_value": 30,
                "kappa": 0.02,
                "weight": 0.5,
                "consent": "email",
            },
            "push": {
                "cost": 0.0002,
                "threshold": 0.01,
                "contact_value": 10,
                "kappa": 0.01,
                "weight": 1,
                "consent": "push",
            },
            "sms": {"cost": 0.06, "threshold": 0.05, "contact_value": 60, "kappa": 0.09, "weight": 2, "consent": "sms"},
        },
        "categories": {category: {"priority": chance.randrange(3)} for category in CATEGORIES},
        "actions": catalogue,
        "contexts": [
            {"when": "recency_d <= 2", "category": "soup", "percent": 20},
            {"when": "bought_28d >= 3", "category": "milk", "percent": 90},
            {"when": "spend_28d > 50_000_000", "category": "milk", "percent": 60},
            {"when": "not member", "category": "bread", "percent": -80},
        ],
        "contact": [
            {"id": "all-7d", "scope": "global", "limit": 9, "window": "rolling:7d"},
            {"id": "all-day", "scope": "global", "limit": 3, "window": "day", "class": "promo", "exempt": []},
            {"id": "email-7d", "scope": "channel", "value": "email", "limit": 4, "window": "rolling:7d"},
            {
                "id": "sms-month",
                "scope": "channel",
                "value": "sms",
                "limit": 0 if seed % 3 == 0 else 4,
                "window": "month",
            },
            {"id": "category-14d", "scope": "category", "limit": 3, "window": "rolling:14d", "class": "promo"},
            {
                "id": "action-30d",
                "scope": "action",
                "limit": 1 + loose,
                "window": "rolling:30d",
                "exempt": ["promo"] if seed % 4 == 0 else [],
            },
            {
                "id": "upsell-week",
                "scope": "intent",
                "value": "upsell",
                "limit": 0 if seed % 5 == 0 else 3,
                "window": "week",
            },
        ],
        "conflicts": {
            "intents": [] if loose else [["retain", "upsell"], ["collect", "upsell"]],
            "intents_on_one_line": [["retain", "cross_sell"]],
            "cool_off": "72h",
        },
        "models": {
            "purchase": {
                "inputs": ["bought_28d"],
                "by": "category",
                "gives": "propensity",
                "outcome": "purchase",
                "prior": 0.02,
            },
            "lapse": {
                "inputs": ["recency_d"],
                "gives": "propensity",
                "outcome": "retain",
                "prior": 0.1,
                "required": seed % 2 == 0,
            },
            "leave": {"inputs": ["recency_d"], "gives": "propensity", "outcome": "leave", "prior": 0.001},
            "basket": {
                "inputs": ["spend_28d"],
                "gives": "money",
                "role": "meta",
                "reference": 40,
                "required": seed % 5 == 0,
            },
        },
        "outcomes": {
            "purchase": {"event": "bought", "match": "category", "value": "amount", "window": "14d"},
            "retain": {"event": "bought", "window": "14d", "beta": 0.05},
            "leave": {"event": "left", "window": "7d", "beta": 0.9, "loses_contact": True},
        },
        "decision_points": {"till": {"trigger": "bought", "models": ["purchase", "lapse", "leave", "basket"]}},
        "exploration": {"epsilon": (0.4, 0.003, 0)[seed % 3], "delta": 0.5},
        "holdout": {"share": 0.2, "seed": str(seed)},
    }
    if timed:
        channels, models = bundle["delivery_channels"], bundle["models"]
        channels["email"]["quiet_hours"] = {"from": "23:45", "to": "02:30", "jitter": "30m"}
        channels["push"]["quiet_hours"] = {"from": "08:00", "to": "11:15", "bypassable": True}
        channels["push"]["send_time"] = "moment"
        models["moment"] = {"inputs": ["recency_d"], "gives": "hours", "role": "send_time", "required": seed % 3 == 0}
        bundle["decision_points"]["till"]["models"].append("moment")
    return bundle


def _action(chance: random.Random, index: int, *, loose: bool) -> dict[str, Any]:
    def condition(texts: tuple[str, ...]) -> str:
        return "" if loose and chance.random() < 0.7 else chance.choice(texts)

    identity, category = f"a{index:02d}", chance.choice(CATEGORIES)
    service = chance.random() < 0.1
    opened = NOW - chance.randrange(1, 200) * DAY_MS
    return {
        "id": identity,
        "category": category,
        "intent": "service" if service else chance.choice(INTENTS),
        "line": chance.choice((category, category, category, "bundle", "")),
        "price": chance.choice(("list", "list", "list", "discount:1000")),
        "group": f"g{chance.randrange(40)}",
        "tier": 0 if service and chance.random() < 0.3 else 1,
        "class": "transactional" if service else "promo",
        "valid_from": _iso(opened),
        "valid_to": _iso(max(NOW + chance.randrange(-10, 200) * DAY_MS, opened + DAY_MS)),
        "eligibility": condition(_ELIGIBLE),
        "applicability": condition(_APPLICABLE),
        "suitability": condition(_SUITABLE),
        "lever": chance.choice((0.6, 0.9, 1, 1, 1.2, 1.5)),
        "value": {"purchase": chance.randrange(1, 60) / 10, "retain": chance.randrange(-3, 30) / 10},
        "offer_cost": chance.choice((0, 0.05, 0.2)),
        "offer_days": chance.choice((0, 7, 14)),
        "treatments": [
            {"id": f"{identity}.{channel}", "channel": channel, "content_cost": chance.choice((0, 0.001, 0.003))}
            for channel in chance.sample(CHANNELS, chance.choice((1, 2)))
        ],
    }


def _iso(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat()


@dataclass(slots=True)
class Case:
    """One decision to be made."""

    profile: Profile
    contacts: Contacts
    features: list[Feature]
    answers: dict[str, Answer]
    calibrators: dict[str, Calibrator | None]
    decision_id: str
    profile_id: str
    now: int
    deferrals: int

    def decide(self, policy: Policy, point: Point) -> Verdict:
        """Decide it."""
        return decide(
            policy, point, self.profile, self.contacts, self.features, self.answers, self.calibrators,
            Occasion(self.decision_id, self.profile_id, self.now, self.deferrals),
        )  # fmt: skip


def crowd(
    policy: Policy, point: Point, seed: int, size: int, *, history: int = 20, edges: bool = False
) -> Iterator[Case]:
    """Generate cases; with `edges` their instants fall on the very edges of windows, and equal scores abound."""
    chance = random.Random(seed)
    for index in range(size):
        now = NOW if edges else NOW + chance.randrange(-20 * HOUR_MS, 20 * HOUR_MS)
        zone = chance.choice(ZONES)
        contacts = _contacts(
            chance, policy, history, now, _instants(chance, zone or policy.zone, now, history, edges=edges)
        )
        profile = Profile(
            zone=zone,
            consents={
                scope: [int(chance.random() < 0.85), 1] for scope in ("email", "push", "sms") if chance.random() < 0.95
            },
            left=_left(chance, now),
            suppressed=[scope for scope, share in _SUPPRESSED.items() if chance.random() < share],
        )
        calibrators: dict[str, Calibrator | None] = {
            name: None
            if chance.random() < 0.1
            else Calibrator(f"{name}-1", [300_000_000, 600_000_000], _bins(chance, edges=edges))
            for name in policy.models
        }
        yield Case(
            profile, contacts, _features(chance, policy), _answers(chance, point, edges=edges), calibrators,
            f"d-{chance.getrandbits(64):016x}", f"p-{index}-{chance.getrandbits(32):08x}", now,
            chance.choice((0, 0, 1, 3)),
        )  # fmt: skip


def _left(chance: random.Random, now: int) -> list[list[Any]]:
    """Return zones that a person has left, some of them lately."""
    moves = chance.choice((0, 0, 0, 1, 2))
    return [[chance.choice(ZONES[:-1]), now - chance.randrange(1, 60) * HOUR_MS] for _ in range(moves)]


_SUPPRESSED: Final = {"global": 0.01, "channel:sms": 0.1, "category:soup": 0.1, "category:gone": 0.1}


def _bins(chance: random.Random, *, edges: bool) -> list[int]:
    return [10_000_000] * 3 if edges else sorted(chance.randrange(0, 200_000_000) for _ in range(3))


def _features(chance: random.Random, policy: Policy) -> list[Feature]:
    made: list[Feature] = []
    for name in policy.features.names:
        value: Feature = chance.randrange(0, 5)
        if name == "age":
            value = chance.randrange(14, 80)
        elif policy.features.types[name] == "bool":
            value = chance.random() < 0.5
        elif name == "segment":
            value = chance.choice(("mass", "loyal", "new"))
        elif name == "last_product":
            value = chance.choice(PRODUCTS)
        elif name in ("spend_28d", "last_amount"):
            value = chance.randrange(0, 90_000_000)
        elif name == "recency_d":
            value = chance.randrange(0, 35)
        made.append(None if chance.random() < 0.02 else value)
    return made


def _answers(chance: random.Random, point: Point, *, edges: bool) -> dict[str, Answer]:
    answers: dict[str, Answer] = {}
    for model in point.models:
        width = len(CATEGORIES) if model.by_category else 1
        status = chance.choices(("ok", "cold", "error", "missing", "absent"), (90, 3, 3, 2, 2))[0]
        if status == "ok":
            outputs = [
                chance.choice((300_000_000, 599_999_999)) if edges else chance.randrange(10**9) for _ in range(width)
            ]
            if model.gives == "hours":
                outputs = [chance.choice((0, chance.randrange(30 * 10**6)))]
            elif model.gives == "money":
                outputs = [chance.randrange(-(10**6), 90 * 10**6)]
            answers[model.name] = Answer("v1", "ok", outputs[1:] if chance.random() < 0.02 else outputs, 5, 7)
        elif status != "absent":
            answers[model.name] = Answer("v1", status, [])
    return answers


def _instants(chance: random.Random, zone: str, now: int, history: int, *, edges: bool) -> list[int]:
    if not edges:
        return sorted(
            now - int(chance.expovariate(1 / (10 * DAY_MS))) + chance.randrange(2) * 1000 for _ in range(history)
        )
    begun = starts(zone, now)
    usual = [*begun, now - 7 * DAY_MS, now - 14 * DAY_MS, now - 30 * DAY_MS, now, now - HOUR_MS]
    return sorted(chance.choice(usual) + chance.choice((-1, 0, 0, 1)) for _ in range(min(history, 8)))


def _contacts(chance: random.Random, policy: Policy, history: int, now: int, at: list[int]) -> Contacts:
    sent = [chance.choice(policy.actions) for _ in at]
    leased = [chance.random() < 0.15 for _ in at]
    ghosts = [int(chance.random() < 0.2) for _ in at]
    return Contacts(
        at=at,
        channel=[chance.choice(action.treatments).channel for action in sent],
        category=[action.category for action in sent],
        intent=[action.intent for action in sent],
        action=[action.id for action in sent],
        klass=[action.klass for action in sent],
        activation_id=[f"act-{index}" for index in range(len(at))],
        lease_until=[
            now + chance.choice((-1, 0, 1, DAY_MS)) if lease and not ghost else 0
            for lease, ghost in zip(leased, ghosts, strict=True)
        ],
        ghost=ghosts,
        offers=[_offer(chance, policy, now) for _ in range(chance.randrange(4))] if history else [],
        cooldowns=[
            [f"category:{chance.choice(CATEGORIES)}", now + chance.choice((-1, 0, 1, DAY_MS))]
            for _ in range(chance.randrange(3))
        ],
        pressure={
            f"{ghost}{channel}": [chance.randrange(3_000_000), now - chance.randrange(200 * HOUR_MS)]
            for channel in CHANNELS
            for ghost in ("", "ghost:")
            if chance.random() < 0.7
        },
    )


def _offer(chance: random.Random, policy: Policy, now: int) -> Offer:
    action = chance.choice(policy.actions)
    state = chance.choice(("reserved", "live", "live", "redeemed", "expired", "retracted"))
    until = now + chance.choice((-72 * HOUR_MS - 1, -72 * HOUR_MS, -72 * HOUR_MS + 1, -1, DAY_MS))
    return Offer(
        "o",
        action.id,
        action.group,
        action.line,
        action.price,
        action.intent,
        action.treatments[0].channel,
        state,
        until,
        int(chance.random() < 0.3),
    )
