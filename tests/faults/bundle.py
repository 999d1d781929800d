"""The grocery policy, made so that a small part of the year shows all that it can do."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from agents.policy_files import load_bundle

FOLDER: Final = Path(__file__).resolve().parents[2] / "examples/grocery/policy"


def grocery() -> dict[str, Any]:
    """Return the bundle: more people held out, more explored, a model one cannot do without, categories that rest."""
    bundle = dict(load_bundle(FOLDER))
    bundle["holdout"] = bundle["holdout"] | {"share": 0.15}
    bundle["exploration"] = bundle["exploration"] | {"epsilon": 0.3, "delta": 0.3}
    models, outcomes = bundle["models"], bundle["outcomes"]
    bundle["models"] = models | {"lapse": models["lapse"] | {"required": True}}
    bundle["outcomes"] = outcomes | {"purchase": outcomes["purchase"] | {"cool_down": "1d"}}
    return bundle


def by_night(bundle: dict[str, Any]) -> dict[str, Any]:
    """Return the bundle with hours in which nobody hears of us by email and app."""
    channels = bundle["delivery_channels"]
    email = channels["email"] | {"quiet_hours": {"from": "21:00", "to": "08:00", "jitter": "45m"}}
    app = channels["app"] | {"quiet_hours": {"from": "22:30", "to": "06:15"}}
    return bundle | {"delivery_channels": channels | {"email": email, "app": app}}


def renewed(bundle: dict[str, Any]) -> dict[str, Any]:
    """Return what is published in the middle: other caps, draws, values and thresholds, more held out, actions gone."""
    limits = {"all-7d": 3, "upsell-month": 1}
    contact = [rule | {"limit": limits.get(rule["id"], rule["limit"])} for rule in bundle["contact"]]
    channels = {name: told | {"threshold": told["threshold"] / 2} for name, told in bundle["delivery_channels"].items()}
    actions = [one | {"lever": one["lever"] * 1.25} for one in bundle["actions"] if one["category"] != "bread"]
    return bundle | {
        "actions": actions,
        "contact": contact,
        "delivery_channels": channels,
        "exploration": bundle["exploration"] | {"epsilon": 0.15, "salt": "explore:v2"},
        "holdout": bundle["holdout"] | {"share": 0.2},
    }
