"""Stages 3 to 5 in one shard: a trigger opens a round, its last answer or its deadline closes it with a decision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from streams import activate, arbitrate, attribute, deferrals, profile, propose
from streams.clock import Clock
from streams.decision import effects, pack, release_at
from streams.inputs import AnswerInput, Models, Setting, Vault
from streams.outbox import Outbox
from streams.policy import Model, Point, Policy
from streams.records import Activation, Event, Origin
from streams.rows import Contacts, Deferral, OpenDecisions, Profile, Round
from streams.state import State, Timer


class Rounds:
    """The open rounds of a shard."""

    def __init__(
        self,
        state: State,
        policies: Mapping[str, Policy],
        models: Models,
        vault: Vault,
        setting: Setting,
        out: Outbox,
        clock: Clock,
    ) -> None:
        self._state: Final = state
        self._policies: Final = policies
        self._models: Final = models
        self._vault: Final = vault
        self._setting: Final = setting
        self._out: Final = out
        self._clock: Final = clock

    def trigger(self, point: Point, policy: Policy, event: Event, person: Profile, origin: Origin, wall: int) -> None:
        """Open the round of a trigger, if there was none."""
        state, clock = self._state, self._clock.now(wall)
        features = profile.compute(person, policy.features, clock, state.shard.complete_from)
        if not point.may_open(features):
            return
        opened = propose.open_round(point, policy, event, origin, features, clock, wall)
        if propose.is_first(person, opened.round_id, clock):
            self._open(opened, point, policy, wall)

    def release(self, timer: Timer, wall: int) -> None:
        """Send what was only held back, or decide again about what was deferred."""
        state, out, clock, (_, name, profile_id) = self._state, self._out, self._clock.now(wall), timer
        deferral = state.deferrals.get(name)
        if deferral is None:
            return
        out.step += 1
        state.deferrals.delete(name)
        if deferral.activation:
            out.put("activations", profile_id, Activation(*deferral.activation))
            return
        policy = self._policies[state.shard.policy_hash]
        point, person = policy.points.get(deferral.decision_point), state.profiles.get(profile_id)
        features = profile.compute(person, policy.features, clock, state.shard.complete_from) if person else []
        if point is None or person is None or not point.may_open(features):
            out.note(deferral.family, profile_id, "deferral_dropped", clock, {"number": str(deferral.number)})
            return
        opened = deferrals.reopen(deferral, point, policy, features, clock, wall)
        if propose.is_first(person, opened.round_id, clock):
            state.profiles.put(profile_id, person)
            self._open(opened, point, policy, wall)

    def _open(self, opened: Round, point: Point, policy: Policy, wall: int) -> None:
        """Ask the models of a round, and close it at once if none of them has to be waited for."""
        state, out, clock = self._state, self._out, opened.opened_at
        out.count("triggers", point.name)
        awaited: list[tuple[Model, str]] = []
        for model in point.models:
            row = state.models.get(model.name)
            version = propose.current_version(row, model, clock)
            is_there = self._setting.lockstep or propose.is_alive(row, wall)
            answer = propose.answer_at_once(model, version, opened, policy, self._models, is_there=is_there)
            if answer is None:
                awaited.append((model, version))
            else:
                opened.answers[model.name] = answer
                out.count("answers", answer.status, model.name)
        if not awaited:
            self._decide(opened, policy, wall)
            return
        if not self._setting.lockstep:
            patience_ms = max(model.deadline_ms for model, _ in awaited)
            opened.deadline_wall_at = wall + (patience_ms if self._setting.live else propose.HISTORY_PATIENCE_MS)
            state.deadlines.set(opened.deadline_wall_at, opened.round_id, opened.profile_id)
        for model, version in awaited:
            request = propose.ask(opened, model, version, opened.deadline_wall_at if self._setting.live else 0)
            out.ask(opened.profile_id, model.name, request)
        state.rounds.put(opened.round_id, opened)
        state.rounds_open += 1

    def take_answer(self, given: AnswerInput, wall: int) -> None:
        """Join an answer to its round; the last one closes it."""
        state, out, proposal = self._state, self._out, given.proposal
        opened = state.rounds.get(proposal.round_id)
        name = opened.calls.get(proposal.call_id) if opened is not None else None
        if opened is None or name is None:
            out.count("answers", "orphan", propose.declared(given.model, self._policies.get(state.shard.policy_hash)))
            return  # nothing was applied: it takes no step
        out.step += 1
        policy = self._policies[opened.policy_hash]
        model = policy.models[name]
        answer = propose.take_answer(opened, proposal, model, policy.outputs_of(model))
        out.count("answers", "late" if opened.closed_at else answer.status, name)
        if opened.closed_at:
            details = {"model": name, "status": answer.status}
            out.note(opened.round_id, opened.profile_id, "late_answer", self._clock.now(wall), details)
        if opened.calls:
            state.rounds.put(opened.round_id, opened)
            return
        state.rounds.delete(opened.round_id)
        if not opened.closed_at:
            state.rounds_open -= 1
            self._decide(opened, policy, wall)

    def pass_deadline(self, timer: Timer, wall: int) -> None:
        """Close a round that has waited long enough; in a history ask again as long as its models live."""
        state, out, (_, round_id, profile_id) = self._state, self._out, timer
        opened = state.rounds.get(round_id)
        if opened is None or opened.closed_at:
            state.rounds.delete(round_id)
            return
        self._out.step += 1
        policy = self._policies[opened.policy_hash]
        again = [] if self._setting.live else propose.ask_again(opened, policy.models, state.models.get, wall)
        for name, request in again:
            out.ask(profile_id, name, request)
        if again:
            opened.deadline_wall_at = wall + propose.HISTORY_PATIENCE_MS
        else:
            for name in opened.calls.values():
                out.count("answers", "missing", name)
            propose.give_up(opened, wall)
            state.rounds_open -= 1
            self._decide(opened, policy, wall)
        state.rounds.put(round_id, opened)
        state.deadlines.set(opened.deadline_wall_at, round_id, opened.profile_id)

    def _decide(self, opened: Round, policy: Policy, wall: int) -> None:
        state, out, clock, profile_id = self._state, self._out, self._clock.now(wall), opened.profile_id
        point = policy.points[opened.decision_point]
        person = state.profiles.get(profile_id) or Profile(zone=policy.zone)
        contacts = state.contacts.get(profile_id) or Contacts()
        models = {name: state.models.get(name) for name in opened.answers}
        verdict = arbitrate.arbitrate(opened, policy, person, contacts, models, state.shard.off, clock)
        evidence = pack(verdict, lambda plaintext, about: self._vault.seal(person.key, plaintext, about))
        activation_id = activate.activation_id(opened, point.slot)
        shard, place = state.shard, (self._setting.partition, out.step)
        candidates = point.board.candidates
        decision = arbitrate.record(verdict, opened, candidates, activation_id, evidence, shard.chain, place)
        shard.chain = decision.hash
        state.keep_shard()
        out.put("decisions", profile_id, decision)
        out.waits_ms.append(wall - opened.opened_wall_at)
        out.count_decision(decision)
        is_ghost = verdict.ghost >= 0
        winner = verdict.winner
        released_at = clock if winner < 0 else release_at(point.board, verdict.snapshot.released_at, winner, clock)
        if verdict.deferred >= 0:  # what it comes to is decided then: nothing is awaited of this one
            self._hold(deferrals.defer(opened, released_at))
            return
        candidate = candidates[winner] if winner >= 0 else None
        if candidate is not None:
            effects.reserve(contacts, policy, candidate, activation_id, clock, is_ghost, released_at)
            state.contacts.put(profile_id, contacts)
        if candidate is not None and not is_ghost:
            lease_ms = policy.channels[candidate.channel_id].lease_ms
            activation = activate.activate(opened, activation_id, candidate, lease_ms, clock, released_at)
            if released_at > clock:
                self._hold(deferrals.hold(activation))
            else:
                out.put("activations", profile_id, activation)
        row = state.open_decisions.get(profile_id) or OpenDecisions()
        held = attribute.await_outcomes(opened, policy, candidate, activation_id, is_ghost, decision.q, clock)
        if not attribute.hold(row, held):
            out.count("open_decisions_overflow")
        state.open_decisions.put(profile_id, row)
        state.timers.set(held.until, held.decision_id, profile_id)

    def _hold(self, deferral: Deferral) -> None:
        name = deferrals.name_of(deferral)
        self._state.deferrals.put(name, deferral)
        self._state.timers.set(deferral.release_at, name, deferral.profile_id)
