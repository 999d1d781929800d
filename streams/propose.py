"""Stage 3 of 7 — propose: ask the right models, wait no longer than the deadline.

Reads   Profile, Proposal, time.         Writes  Request, Round.
Keeps   open rounds.                     Never   waits when every answer is there.

Theory of operation.  A trigger opens a round.  A model that answers inline answers before the round is stored; one in its own process gets a
request, and the round stays open until its answer, or its deadline, comes.  A model that has no version as old as the decision is `cold`
and is not asked; neither is one whose process is dead.  The round closes in the step in which its last answer arrives.
"""

from __future__ import annotations

from math import floor, isfinite
from typing import Final

from streams.ids import derive
from streams.inputs import Models
from streams.policy import Model, Point, Policy
from streams.records import Event, Feature, Origin, Proposal, Request
from streams.rows import Answer, ModelRow, Round

PPB: Final = 1_000_000_000
MICRO: Final = 1_000_000
HISTORY_PATIENCE_MS: Final = 30_000  # in a history a round waits for its model as long as the model lives
LATE_MS: Final = 3_600_000  # how long a round that closed without an answer is kept, to know the answer when it comes
COLD: Final = Answer("", "cold", [])
DEAD: Final = Answer("", "missing", [])


def current_version(row: ModelRow | None, clock: int) -> str:
    """Return the newest version that learned from nothing later than `clock`; "" if there is none."""
    if row is not None:
        for version in reversed(row.versions):
            if version[0] <= clock:
                return str(version[1])
    return ""


def quantise(model: Model, outputs: list[float], outputs_count: int) -> list[int] | None:
    """Return the outputs as integers (a propensity in ppb, money in micro-units); None if they are not a valid answer."""
    if len(outputs) != outputs_count:
        return None
    if model.gives == "propensity":
        if not all(0.0 <= p <= 1.0 for p in outputs):  # false for NaN
            return None
        return [floor(p * PPB + 0.5) for p in outputs]
    if not all(isfinite(x) for x in outputs):
        return None
    return [floor(x * MICRO + 0.5) for x in outputs]


def open_round(
    point: Point, policy: Policy, event: Event, origin: Origin, features: list[Feature], clock: int, wall: int
) -> Round:
    """Return the round that this event triggers, nobody asked yet."""
    round_id = derive("decision", point.name, event.source, event.event_id)
    return Round(
        round_id, event.profile_id, point.name, policy.hash, event.event_id, event.type, event.occurred_at,
        origin.topic, origin.partition, origin.offset, event.traceparent, clock, wall, 0, features,
    )  # fmt: skip


def ask_inline(model: Model, version: str, features: list[Feature], models: Models, outputs_count: int) -> Answer:
    """Return the answer of a model that answers at once."""
    outputs = models.answer(model.name, version, [features[i] for i in model.input_at])
    quantised = None if outputs is None else quantise(model, outputs, outputs_count)
    return Answer(version, "error", []) if quantised is None else Answer(version, "ok", quantised)


def ask(opened: Round, model: Model, version: str) -> Request:
    """Return the request that asks a model in its own process, and await its answer."""
    features = [opened.features[i] for i in model.input_at]
    call_id = derive("call", opened.round_id, model.name, version, repr(features))
    opened.calls[call_id] = model.name
    return Request(call_id, opened.round_id, version, opened.opened_at, opened.deadline_wall_at, features)


def take_answer(opened: Round, proposal: Proposal, model: Model, outputs_count: int) -> bool:
    """Put an answer into its round; False if the round did not ask for it."""
    if opened.calls.pop(proposal.call_id, None) is None:
        return False
    outputs = quantise(model, proposal.outputs, outputs_count) if proposal.status == "ok" else None
    status = proposal.status if proposal.status in ("cold", "error") or outputs is not None else "error"
    opened.answers[model.name] = Answer(proposal.version, status, outputs or [], proposal.cost_micro, proposal.latency_ms)
    return True


def give_up(opened: Round, wall: int) -> None:
    """Close a round at its deadline: who has not answered is missing."""
    for name in opened.calls.values():
        opened.answers[name] = DEAD
    opened.closed_at = wall
