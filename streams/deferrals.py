"""Deferrals: what was decided and may not go out yet.

A promotion is decided about once more when its time has come; a transactional message is sent then as it is.
"""

from __future__ import annotations

from dataclasses import astuple
from typing import Final

from streams.ids import derive
from streams.policy import Point, Policy
from streams.records import Activation, Feature
from streams.rows import Deferral, Round

DEFERRAL: Final = "deferral"  # as the type of a trigger


def defer(opened: Round, release_at: int) -> Deferral:
    """Return the deferral of a round whose choice is to wait."""
    family = opened.family or opened.round_id
    return Deferral(
        opened.profile_id, release_at, opened.decision_point, family, opened.deferrals + 1, opened.traceparent or ""
    )


def hold(activation: Activation) -> Deferral:
    """Return the deferral of an activation that is sent as it is."""
    return Deferral(activation.profile_id, activation.release_at, activation=list(astuple(activation)))


def name_of(deferral: Deferral) -> str:
    """Return the id under which a deferral is kept: of its activation, or of the decision that it leads to."""
    if deferral.activation:
        return Activation(*deferral.activation).activation_id
    return derive("decision", deferral.decision_point, DEFERRAL, deferral.family, str(deferral.number))


def reopen(deferral: Deferral, point: Point, policy: Policy, features: list[Feature], clock: int, wall: int) -> Round:
    """Return the round that a deferral leads to, nobody asked yet."""
    return Round(
        name_of(deferral), deferral.profile_id, point.name, policy.hash, f"{deferral.family}/{deferral.number}",
        DEFERRAL, deferral.release_at, "", 0, 0, deferral.traceparent or None, clock, wall, 0, features,
        family=deferral.family, deferrals=deferral.number,
    )  # fmt: skip


def recall(trigger: str, profile_id: str, point: str, release_at: int) -> Deferral:
    """Return the deferral that the trigger of a recorded decision names; raises ValueError where it names none."""
    family, _, number = trigger.rpartition("/")
    return Deferral(profile_id, release_at, point, family, int(number))
