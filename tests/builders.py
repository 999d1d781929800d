"""Builders: a small policy, and persons to decide about."""

from __future__ import annotations

import copy
from typing import Any, Final

from streams.policy import Policy, compile_policy
from streams.rows import Contacts, Offer, OpenDecision, Profile, Round

NOW: Final = 1_500_000_000_000  # 2017-07-14 02:40 UTC; 22:40 the day before in New York
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS

_SMALL: Final[dict[str, Any]] = {
    "name": "small",
    "currency": "USD",
    "zone": "America/New_York",
    "events": {
        "product_purchased": {
            "properties": {"category": "string", "product_id": "string", "quantity": "int", "amount": "money"}
        },
        "basket_completed": {
            "properties": {"basket_id": "string", "amount": "money", "lines": "int"},
            "optional": ["lines"],
        },
        "identity_linked": {"properties": {"canonical_profile_id": "string"}, "links": "canonical_profile_id"},
        "unsubscribed": {"properties": {"delivery_channel": "string"}},
    },
    "features": {
        "baskets_28d": {"count": "basket_completed", "window": "28d"},
        "bought_28d": {"count": "product_purchased", "by": "category", "window": "28d"},
        "last_product": {"last": "product_purchased.product_id"},
        "recency_d": {"recency": "basket_completed", "unit": "d"},
        "spend_28d": {"sum": "basket_completed.amount", "window": "28d"},
    },
    "delivery_channels": {
        "app": {"cost": 0.0, "threshold": 0.0, "contact_value": 1.0, "kappa": 0.001, "weight": 0.2, "delay_s": 60},
        "email": {
            "cost": 0.001,
            "threshold": 0.01,
            "contact_value": 3.0,
            "kappa": 0.02,
            "weight": 0.5,
            "consent": "email",
            "delay_s": 3600,
            "lease_s": 172_800,
        },
    },
    "categories": {"bread": {}, "soup": {"priority": 1}},
    "actions": [
        {
            "id": "soup_off",
            "category": "soup",
            "intent": "cross_sell",
            "line": "soup",
            "price": "discount:1000",
            "group": "soup_price",
            "valid_from": "2017-01-01",
            "valid_to": "2018-01-01",
            "eligibility": "baskets_28d >= 1",
            "applicability": "bought_28d >= 1",
            "suitability": "recency_d <= 60",
            "value": {"purchase": 1.20, "retain": 0.50},
            "offer_cost": 0.40,
            "offer_days": 14,
            "treatments": [
                {"id": "soup_off.email", "channel": "email", "content": {"subject": "Soup, 10 % off"}},
                {"id": "soup_off.app", "channel": "app", "content": {"text": "Soup, 10 % off"}},
            ],
        },
        {
            "id": "soup_more",
            "category": "soup",
            "intent": "upsell",
            "line": "soup",
            "valid_from": "2017-01-01",
            "valid_to": "2018-01-01",
            "value": {"purchase": 2.00},
            "offer_days": 7,
            "treatments": [{"id": "soup_more.app", "channel": "app", "content": {"text": "The big pot"}}],
        },
        {
            "id": "bread_back",
            "category": "bread",
            "intent": "retain",
            "line": "bread",
            "price": "discount:2000",
            "valid_from": "2017-01-01",
            "valid_to": "2018-01-01",
            "applicability": "recency_d >= 7",
            "value": {"retain": 4.00},
            "lever": 1.2,
            "offer_days": 14,
            "treatments": [
                {"id": "bread_back.email", "channel": "email", "content_cost": 0.002},
                {"id": "bread_back.app", "channel": "app"},
            ],
        },
        {
            "id": "recall",
            "category": "soup",
            "intent": "service",
            "tier": 0,
            "class": "transactional",
            "valid_from": "2017-01-01",
            "valid_to": "2018-01-01",
            "eligibility": "last_product == 'recalled'",
            "value": {"retain": 100.0},
            "treatments": [{"id": "recall.app", "channel": "app", "content": {"text": "Please bring it back"}}],
        },
    ],
    "contexts": [{"when": "recency_d <= 2", "category": "soup", "percent": 20}],
    "contact": [
        {"id": "all-7d", "scope": "global", "limit": 3, "window": "rolling:7d"},
        {"id": "email-day", "scope": "channel", "value": "email", "limit": 1, "window": "day"},
        {"id": "action-month", "scope": "action", "limit": 2, "window": "month", "class": "promo"},
    ],
    "conflicts": {"intents": [["retain", "upsell"]], "cool_off": "72h"},
    "models": {
        "next_purchase": {
            "inputs": ["bought_28d", "baskets_28d"],
            "by": "category",
            "gives": "propensity",
            "outcome": "purchase",
            "serves": "topic",
            "deadline_ms": 200,
            "prior": 0.02,
        },
        "lapse": {
            "inputs": ["recency_d", "baskets_28d"],
            "gives": "propensity",
            "outcome": "retain",
            "serves": "inline",
            "prior": 0.1,
            "label": {"absent": "retain"},
        },
        "basket": {
            "inputs": ["spend_28d"],
            "gives": "money",
            "role": "meta",
            "reference": 40.0,
            "serves": "inline",
            "label": {"next": "basket_completed.amount"},
        },
    },
    "outcomes": {
        "purchase": {
            "event": "product_purchased",
            "match": "category",
            "value": "amount",
            "window": "14d",
            "lateness": "2d",
            "beta": 0.5,
        },
        "retain": {"event": "basket_completed", "window": "14d", "lateness": "2d", "beta": 0.05},
    },
    "decision_points": {
        "checkout": {
            "trigger": "basket_completed",
            "when": "baskets_28d >= 1",
            "slot": "checkout",
            "models": ["next_purchase", "lapse", "basket"],
        }
    },
    "exploration": {"epsilon": 0.05, "delta": 0.50, "salt": "explore:v1"},
    "holdout": {"share": 0.02, "seed": "2017"},
}


def small_policy(**sections: Any) -> dict[str, Any]:
    """Return a bundle of two categories, four actions and three models; sections given replace its own."""
    return copy.deepcopy(_SMALL) | sections


def compiled(**sections: Any) -> Policy:
    """Return the small policy, compiled."""
    return compile_policy(small_policy(**sections))


def make_profile(**fields: Any) -> Profile:
    """Return a person who has agreed to everything."""
    return Profile(**{"zone": "America/New_York", "consents": {"email": [1, 0]}} | fields)


def make_contacts(*rows: dict[str, Any], **fields: Any) -> Contacts:
    """Return contacts, each given by what differs from an email about soup, delivered; oldest first."""
    usual = {
        "at": NOW - DAY_MS, "channel": "email", "category": "soup", "intent": "cross_sell", "action": "soup_off",
        "klass": "promo", "activation_id": "", "lease_until": 0, "ghost": 0,
    }  # fmt: skip
    columns: dict[str, Any] = {name: [row.get(name, default) for row in rows] for name, default in usual.items()}
    return Contacts(**columns, **fields)


def make_offer(**fields: Any) -> Offer:
    """Return a live offer of cheap soup."""
    usual: dict[str, Any] = {
        "activation_id": "a1", "action": "soup_off", "group": "soup_price", "line": "soup", "price": "discount:1000",
        "intent": "cross_sell", "channel": "email", "state": "live", "until": NOW + DAY_MS, "ghost": 0,
    }  # fmt: skip
    return Offer(**usual | fields)


def make_round(round_id: str = "d1", **fields: Any) -> Round:
    """Return a round of the small policy's checkout that has just opened."""
    usual: dict[str, Any] = {
        "round_id": round_id, "profile_id": "p", "decision_point": "checkout", "policy_hash": "",
        "trigger_event_id": "e1", "trigger_type": "basket_completed", "trigger_occurred_at": NOW,
        "trigger_topic": "continuo.raw-events.v1", "trigger_partition": 0, "trigger_offset": 0, "traceparent": None,
        "opened_at": NOW, "opened_wall_at": NOW, "deadline_wall_at": 0, "features": [],
    }  # fmt: skip
    return Round(**usual | fields)


def make_open_decision(decision_id: str = "d1", **fields: Any) -> OpenDecision:
    """Return a decision for soup by email, delivered an hour after it was made."""
    usual: dict[str, Any] = {
        "decision_id": decision_id, "decision_point": "checkout", "activation_id": f"a-{decision_id}",
        "action": "soup_off", "category": "soup", "delivery_channel": "email", "ghost": 0, "q": 1 << 32,
        "policy_hash": "", "decided_at": NOW, "delivered_at": NOW + HOUR_MS, "until": NOW + 16 * DAY_MS,
        "features": [], "versions": {}, "outputs": {},
    }  # fmt: skip
    return OpenDecision(**usual | fields)
