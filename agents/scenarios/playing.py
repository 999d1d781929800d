"""Plays a scenario through the one driver, in memory, and says in lines what was decided and what went out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import chain
from typing import Any, Final

from agents.errors import UserError
from agents.scenarios.reading import Answers, Happening, Scenario
from agents.simulate.shard import Shard, Witness, compile_inline
from streams.decision import unpack
from streams.decision.release import release_at
from streams.decision.verdict import DEFERRED
from streams.decision.wording import instant
from streams.policy import Policy
from streams.policy.quantities import PPB
from streams.records import Activation, Calibrator, Decision, Feature, ModelVersion, RawEvent, Value

VERSION: Final = "as told"
AGREED: Final = "as told"


class Told:
    """Models that answer what the scenario says, until it says something else."""

    def __init__(self, answers: Answers) -> None:
        self.answers: Final = dict(answers)

    def learn(self, version: ModelVersion) -> None:
        """Nothing is learned."""

    def answer(self, name: str, version: str, features: list[Feature]) -> list[float] | None:
        """Return what was told of a model."""
        del version, features
        return self.answers.get(name)


class Diary(Witness):
    """Writes down what happens, one line each."""

    def __init__(self, policy: Policy) -> None:
        self.lines: Final[list[tuple[int, str]]] = []
        self.reached: Final[dict[tuple[str, str], Activation]] = {}  # what was sent last, by person and channel
        self._policy: Final = policy

    def decided(self, decision: Decision) -> None:
        """Take a decision."""
        self.lines.append((decision.decided_at, f"{decision.profile_id}: {_line(decision, self._policy)}"))

    def dispatched(self, at: int, sent: Activation, why: str) -> None:
        """Take what became of an activation."""
        self.reached[sent.profile_id, sent.delivery_channel] = sent
        fate = f"is not sent: {why}" if why else "is delivered"
        self.lines.append((at, f"{sent.profile_id}: {sent.action} by {sent.delivery_channel} {fate}"))


def play(scenario: Scenario, bundle: Mapping[str, Any]) -> list[str]:
    """Return what happens, one line for each decision, and for each activation that is delivered or refused."""
    policy = compile_inline(bundle, "policy")
    models, diary = Told(scenario.answers), Diary(policy)
    versions = _versions(scenario, policy)
    shard = Shard(0, 1, {policy.hash: policy}, versions, lambda *_: False, models=models, witness=diary)
    for number, one in enumerate(scenario.happenings):
        at = one.event.occurred_at
        if not number:
            shard.switch(policy.hash, at)
        shard.pass_time(at)
        models.answers.update(one.answers)
        shard.tell(_reported(one, diary.reached), None, at)
    shard.pass_time(scenario.until)
    lines = [*diary.lines, *((scenario.until, f"event {name} is refused: {error}") for name, error in shard.failed)]
    return [f"{instant(at, policy.zone)} {line}" for at, line in sorted(lines, key=lambda one: one[0])]


def _reported(one: Happening, reached: Mapping[tuple[str, str], Activation]) -> RawEvent:
    """Return an event; a report is about what its person was last reached with."""
    if not one.channel:
        return one.event
    sent = reached.get((one.event.profile_id, one.channel))
    if sent is None:
        raise UserError(f"event {one.event.event_id}: nothing was sent to {one.event.profile_id} by {one.channel} yet")
    about: dict[str, Value] = {
        "activation_id": sent.activation_id, "decision_id": sent.decision_id, "delivery_channel": one.channel,
    }  # fmt: skip
    return replace(one.event, properties=about)


def _line(decision: Decision, policy: Policy) -> str:
    where = f"at {decision.decision_point}"
    if decision.action is not None:
        return f"{where} {decision.action} by {decision.delivery_channel} is chosen"
    if decision.source == DEFERRED:
        verdict, board = unpack(decision.evidence, lambda text, _: text), policy.points[decision.decision_point].board
        at = release_at(board, verdict.snapshot.released_at, verdict.deferred, decision.decided_at)
        candidate = board.candidates[verdict.deferred]
        return f"{where} {candidate.action_id} by {candidate.channel_id} waits until {instant(at, policy.zone)}"
    masked = f", else {decision.ghost_action}" if decision.ghost_action else ""
    return f"{where} nothing is chosen: {decision.reason}{masked}"


def _versions(scenario: Scenario, policy: Policy) -> Iterator[ModelVersion]:
    """Yield a version of each model that answers at all, calibrated so that it means what it says."""
    told = [scenario.answers, *(one.answers for one in scenario.happenings)]
    for name in dict.fromkeys(chain.from_iterable(told)):
        model = policy.models[name]
        calibrator = None
        if model.role == "outcome":
            outputs = sorted({int(one * PPB + 0.5) for answers in told for one in answers.get(name, [])})
            calibrator = Calibrator(AGREED, outputs[1:], outputs)
        yield ModelVersion(name, VERSION, model.kind, 0, 0, b"", calibrator, list(model.inputs), {})
