"""From a policy to what its teams would do alone: the same actions, models and prices, and nobody looks at the others.

Each decision point becomes one for each intent (the retention team, the growth team …), which chooses its own best and
sends it.  Contact rules, conflicts, exclusivity groups, offers on the table and what rests after an outcome bind
nobody.  Consents, suppressions, quiet hours, thresholds, the holdout and the draws stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Bundle = dict[str, Any]


def uncoordinated(bundle: Mapping[str, Any]) -> Bundle:
    """Return the bundle of the uncoordinated arm."""
    points = bundle["decision_points"]
    actions = [_alone(action, list(points)) for action in bundle["actions"]]
    return {
        **bundle,
        "contact": [],
        "conflicts": {},
        "outcomes": {
            name: {field: value for field, value in told.items() if field != "cool_down"}
            for name, told in bundle["outcomes"].items()
        },
        "actions": actions,
        "decision_points": {
            name: {**told, "slot": name, "models": _asked(told["models"], name, actions, bundle)}
            for point, told in points.items()
            for name in sorted({one for action in actions for one in action["points"] if _is_of(one, point)})
        },
    }


def _alone(action: Mapping[str, Any], points: list[str]) -> Bundle:
    """Return an action that only its own team decides about, and that leaves nothing on the table."""
    own = [f"{point}.{action['intent']}" for point in action.get("points", points)]
    return {**action, "points": own, "group": action["id"], "line": "", "offer_days": 0}


def _is_of(name: str, point: str) -> bool:
    return name.rpartition(".")[0] == point


def _asked(models: list[str], point: str, actions: list[Bundle], bundle: Mapping[str, Any]) -> list[str]:
    """Return the models that a team's point asks: of those that propose a moment, those that move something there."""
    channels = {treatment["channel"] for one in actions if point in one["points"] for treatment in one["treatments"]}
    moving = {bundle["delivery_channels"][channel].get("send_time") for channel in channels}
    return [name for name in models if bundle["models"][name].get("role") != "send_time" or name in moving]
