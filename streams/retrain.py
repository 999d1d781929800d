"""Stage 7 of 7 — retrain: what we learned goes back to the models.

Reads   closed open decisions.           Writes  TrainingExample.
Keeps   nothing.                         Never   shows a model what was not known when it answered.

A model gets an example of every decision of its decision points, whether it answered or not and whatever was done: what
followed is a label for it either way, and the action, the ghost flag and the selection probability say how it came
about.
"""

from __future__ import annotations

from typing import Final

from streams.ids import derive
from streams.policy import Policy
from streams.records import TrainingExample
from streams.rows import OpenDecision

PPB: Final = 1_000_000_000
MICRO: Final = 1_000_000


def examples(opened: OpenDecision, profile_id: str, policy: Policy) -> list[TrainingExample]:
    """Return one example for each model of the decision's point for which something is known by now."""
    found: list[TrainingExample] = []
    for model in policy.points[opened.decision_point].models:
        noted = opened.labels.get(model.name)
        label = model.label.final(noted[0] if noted else None) if model.label is not None else None
        if label is None:
            continue
        output = opened.outputs.get(model.name)
        found.append(
            TrainingExample(
                derive("example", opened.decision_id, model.name),
                model.name,
                opened.versions.get(model.name, ""),
                opened.decision_id,
                profile_id,
                opened.category if model.by_category else None,
                opened.action or None,
                bool(opened.ghost),
                opened.q,
                [opened.features[column] for column in model.input_at],
                None if output is None else output / (PPB if model.gives == "propensity" else MICRO),
                label,
                opened.decided_at,
                opened.until,
                opened.policy_hash,
            )
        )
    return found
