"""Stage 3 of 7 — propose: ask the right models, wait no longer than the deadline.

Reads   Profile, Proposal, time.         Writes  Request, Round.
Keeps   open rounds.                     Never   waits when every answer is there.

Theory of operation.  A trigger opens a round.  A model that answers inline answers before the round is stored; one in
its own process gets a request, and the round stays open until its answer, or its deadline, comes.  A model that has no
version as old as the decision is `cold` and is not asked; neither is one whose process is dead.  The round closes in
the step in which its last answer arrives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import floor
from typing import Any, Final

from streams.ids import derive, remember
from streams.inputs import Models
from streams.policy import Model, Point, Policy
from streams.policy.models import layout_of
from streams.records import Event, Feature, ModelVersion, Origin, Proposal, Request
from streams.rows import Answer, ModelRow, Profile, Round

PPB: Final = 1_000_000_000
MICRO: Final = 1_000_000
HISTORY_PATIENCE_MS: Final = 30_000  # in a history a round waits for its model as long as the model lives
LATE_MS: Final = 3_600_000  # how long a round that closed without an answer is kept, to know the answer when it comes
DECIDED_MS: Final = 30 * 86_400_000  # an event that comes again after its id was forgotten decides nothing again
DECIDED_MAX: Final = 256  # 14 bytes each: 3.5 KiB a person at most
ALIVE_MS: Final = 10_000  # a heartbeat comes every 3 s
VERSIONS_MAX: Final = 16  # of a model, that a shard remembers
VERSION_MAX: Final = 256  # characters of a version's name: a shard's row of a model has 16 of them
HOURS_MAX: Final = 7.0 * 24  # that a model would have a promotion wait
AMOUNT_MAX: Final = 1e12  # units of money: in micro-units it still fits 64 bits
UNDECLARED: Final = "undeclared"
COLD: Final = Answer("", "cold", [])
DEAD: Final = Answer("", "missing", [])


def learn(row: ModelRow, said: ModelVersion) -> None:
    """Take up a heartbeat, a barrier that is released, or a version that is not known yet."""
    if said.kind == "heartbeat":
        row.alive_until = max(row.alive_until, said.published_at + ALIVE_MS)
    elif said.kind == "release":
        row.released = max(row.released, said.trained_until)
    elif all(known[1] != said.version for known in row.versions):
        known: list[object] = [said.trained_until, said.version, "", [], [], layout_of(said.inputs)]
        if said.calibrator is not None:
            known[2:5] = [said.calibrator.calibrator_id, said.calibrator.edges_ppb, said.calibrator.values_ppb]
        row.versions.append(known)
        row.versions.sort(key=lambda version: version[0])
        del row.versions[:-VERSIONS_MAX]


def is_alive(row: ModelRow | None, wall: int) -> bool:
    """Tell whether a model's process has been heard of lately."""
    return row is not None and row.alive_until > wall


def declared(name: str, policy: Policy | None) -> str:
    """Return a model's name as a count may say it: anybody can write any name on a topic, and each is a series."""
    return name if policy is not None and name in policy.models else UNDECLARED


def current_version(row: ModelRow | None, model: Model, clock: int) -> str:
    """Return the newest version for the model's inputs that learned from nothing later than `clock`; "" = none."""
    if row is not None:
        versions: list[list[Any]] = row.versions
        for version in versions[::-1]:
            if version[0] <= clock and version[5] == model.layout:
                return str(version[1])
    return ""


def quantise(model: Model, outputs: list[float], outputs_count: int) -> list[int] | None:
    """Return the outputs as integers (propensities in ppb, else millionths); None if they are no valid answer."""
    if len(outputs) != outputs_count:
        return None
    if model.gives == "propensity":
        if not all(0.0 <= p <= 1.0 for p in outputs):  # false for NaN
            return None
        return [floor(p * PPB + 0.5) for p in outputs]
    low, high = (0.0, HOURS_MAX) if model.gives == "hours" else (-AMOUNT_MAX, AMOUNT_MAX)
    if not all(low <= x <= high for x in outputs):
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


def is_first(person: Profile, round_id: str, clock: int) -> bool:
    """Tell whether this decision is not made yet, and remember that it will be."""
    identity = int(round_id[:15], 16)
    if identity in person.decided:
        return False
    remember(person.decided, identity, clock, keep_ms=DECIDED_MS, at_most=DECIDED_MAX)
    return True


def answer_at_once(
    model: Model, version: str, opened: Round, policy: Policy, models: Models, *, is_there: bool
) -> Answer | None:
    """Return the answer that needs no waiting; None if the model's process, which is there, is to be asked."""
    if not version:
        return COLD
    if not model.inline:
        return None if is_there else DEAD
    outputs = models.answer(model.name, version, _inputs(opened, model))
    quantised = None if outputs is None else quantise(model, outputs, policy.outputs_of(model))
    return Answer(version, "error", []) if quantised is None else Answer(version, "ok", quantised)


def ask(opened: Round, model: Model, version: str, deadline_at: int) -> Request:
    """Return the request that asks a model in its own process, and await its answer; deadline_at: wall, 0 = none."""
    call_id, features = _call_id(opened, model, version), _inputs(opened, model)
    request = Request(call_id, opened.round_id, version, opened.opened_at, deadline_at, features)
    opened.calls[request.call_id] = model.name
    return request


def ask_again(
    opened: Round, models: Mapping[str, Model], heard_of: Callable[[str], ModelRow | None], wall: int
) -> list[tuple[str, Request]]:
    """Return the requests that a history's round still awaits of living processes once more, by model.

    A process that lives may have lost one for good, and the round would wait for ever; a second answer is an orphan.
    """
    again: list[tuple[str, Request]] = []
    for call_id, name in opened.calls.items():
        row, model = heard_of(name), models[name]
        if row is None or not is_alive(row, wall):
            continue
        versions = (str(known[1]) for known in row.versions)
        version = next((one for one in versions if _call_id(opened, model, one) == call_id), None)
        if version is not None:
            request = Request(call_id, opened.round_id, version, opened.opened_at, 0, _inputs(opened, model))
            again.append((name, request))
    return again


def take_answer(opened: Round, proposal: Proposal, model: Model, outputs_count: int) -> Answer:
    """Put an answer that the round awaits into it, and return it; one that is not valid is an error.

    The call_id vouches for the version: an answer from another one than was asked is none.
    """
    del opened.calls[proposal.call_id]
    status, outputs = proposal.status, None
    if proposal.call_id != _call_id(opened, model, proposal.version):
        status = "error"
    elif status == "ok":
        outputs = quantise(model, proposal.outputs, outputs_count)
    if outputs is None and status != "cold":
        status = "error"
    answer = Answer(proposal.version[:VERSION_MAX], status, outputs or [], proposal.cost_micro, proposal.latency_ms)
    opened.answers[model.name] = answer
    return answer


def give_up(opened: Round, wall: int) -> None:
    """Close a round at its deadline: who has not answered is missing."""
    for name in opened.calls.values():
        opened.answers[name] = DEAD
    opened.closed_at = wall
    opened.deadline_wall_at = wall + LATE_MS


def _inputs(opened: Round, model: Model) -> list[Feature]:
    return [opened.features[column] for column in model.input_at]


def _call_id(opened: Round, model: Model, version: str) -> str:
    return derive("call", opened.round_id, model.name, version, repr(_inputs(opened, model)))
