"""The one driver: `apply` composes the seven stages, for the worker, the simulator and replay alike.

Theory of operation.  A shard is a log of inputs.  Each input applied takes a number, the step; its effects are changes
to the shard's rows and outputs for topics, and nothing else.  Time comes in two clocks: `wall` is an argument, the
deployment's clock is the wall clock when live and the largest accepted event time in a history.  A timer that an input
passes fires before it: `apply` then fires that timer only, and is called again with the same input.  So whatever fails
is one timer or one record, and can be buried alone.  In lockstep a barrier comes before its input too (`barriers.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from streams import activate, arbitrate, attribute, ingest, profile, propose, retrain, switches
from streams.barriers import Barriers
from streams.decision import effects, pack
from streams.ids import fingerprint
from streams.inputs import (
    AnswerInput,
    Due,
    DueInput,
    Input,
    ModelInput,
    Models,
    Original,
    Output,
    PolicyInput,
    RawInput,
    RefusedInput,
    RoutedInput,
    Setting,
    SwitchInput,
    TickInput,
    Vault,
)  # fmt: skip
from streams.outbox import Outbox
from streams.policy import Model, Point, Policy
from streams.policy.features import switch_series
from streams.records import Event, Origin, RawEvent, RoutedEvent
from streams.rows import Alias, Contacts, ModelRow, OpenDecisions, Profile, Round
from streams.state import State, Timer


class Step:
    """One shard's driver: its state, and the ports through which pure code is given what is not pure."""

    def __init__(
        self, state: State, policies: Mapping[str, Policy], models: Models, vault: Vault, setting: Setting, step: int
    ) -> None:
        self.state: Final = state
        self.setting: Final = setting
        self.out: Final = Outbox(step)
        self.firing: Due | None = None  # the timer that the last `apply` fired, instead of its input
        self.held = False  # a barrier kept the last `apply` from taking its input, until trainers release it
        self.barriers: Final = Barriers(state, policies, self.out) if setting.lockstep and not setting.live else None
        self._policies: Final = policies
        self._models: Final = models
        self._vault: Final = vault
        self._apply: Final[dict[type, Callable[..., None]]] = {
            RefusedInput: self._take_refused, RawInput: self._take_raw, RoutedInput: self._take_routed,
            AnswerInput: self._take_answer, TickInput: self._take_tick, PolicyInput: self._take_policy,
            ModelInput: self._take_model, DueInput: self._take_due,
            SwitchInput: lambda given, _wall: switches.take(self.state, self.out, given.switch),
        }  # fmt: skip

    def apply(self, given: Input, wall: int) -> list[Output]:
        """Apply one input at this wall time, or fire the first timer that it passes (`firing`), or be `held`.

        Returns the outputs in order; the changes are in the state, not yet flushed.
        """
        self.firing = None
        self.held = False
        self.out.outputs = []
        self._apply[type(given)](given, wall)
        return self.out.outputs

    def bury(self, given: Input | None, original: Original, cause: str, detail: str, *, is_event: bool) -> list[Output]:
        """Park a record on which a stage failed, as an input of its own; None: decoding it failed."""
        self.out.begin()
        if isinstance(given, AnswerInput):
            self.state.drop_round(given.proposal.round_id)  # else it would wait for an answer that has come
        self._refuse(original, cause, detail, is_event=is_event)
        return self.out.outputs

    def bury_timer(self, due: Due, cause: str, detail: str) -> list[Output]:
        """Park a timer that failed, with what it was to close."""
        self.out.begin()
        at, identity, profile_id = due.timer
        (self.state.deadlines if due.is_deadline else self.state.windows).pop(at)
        if due.is_deadline:
            self.state.drop_round(identity)
        else:
            self.state.drop_open_decision(profile_id, identity)
        origin = Origin("timer", self.setting.partition, 0, at)
        self.out.dead_letter(Original(origin, profile_id.encode(), identity.encode(), []), cause, detail)
        return self.out.outputs

    def wake_at(self) -> int | None:
        """Return the wall time of the next timer."""
        due = [self.state.deadlines.first(), self.state.windows.first() if self.setting.live else None]
        return min((at for at in due if at is not None), default=None)

    # inputs

    def _take_refused(self, given: RefusedInput, _wall: int) -> None:
        self.out.step += 1
        self._refuse(given.original, given.cause, given.detail, is_event=given.is_event)

    def _take_raw(self, given: RawInput, wall: int) -> None:
        raw, original, state = given.event, given.original, self.state
        alias = state.aliases.get(raw.profile_id)
        is_home = raw.profile_id in state.profiles or self.setting.owns(raw.profile_id)
        if not ingest.is_name(raw.profile_id) or (alias is None and is_home):
            self._take_event(raw, original, None, wall)
        else:
            self._forward(raw, original, alias)

    def _take_routed(self, given: RoutedInput, wall: int) -> None:
        routed = given.event
        alias = self.state.aliases.get(routed.event.profile_id) if routed.alias is None else None
        if alias is None:
            self._take_event(routed.event, given.original, routed.alias, wall)
        else:
            self._forward(routed.event, given.original, alias)

    def _take_event(self, raw: RawEvent, original: Original, alias: str | None, wall: int) -> None:
        """Ingest an event that is at home here, then do all that follows from it."""
        state, out = self.state, self.out
        policy = self._policies[state.shard.policy_hash]
        try:
            ingest.check_identity(raw)
            kind, properties = ingest.check(raw, policy.events, self._clock(wall), live=self.setting.live)
        except ingest.Refused as refused:
            out.step += 1
            self._refuse(original, refused.cause, refused.detail, is_event=True)
            return
        person = state.profiles.get(raw.profile_id)
        identity = fingerprint(raw.source, raw.event_id)
        if self._repeats(person, identity) or self._passes_window(raw.occurred_at, wall):
            return
        out.step += 1
        clock = self._clock(wall)
        if person is None:
            person = Profile(zone=policy.zone, zone_source="policy", key=self._vault.new_key(raw.profile_id))
        if not ingest.take(person, identity, clock):
            out.count("seen_overflow")
        said = ingest.accept(raw, raw.properties, clock, alias)
        out.put("events", raw.profile_id, said, raw=original.verbatim if alias is None else None)
        out.count("records", "accepted")
        out.count("events", said.source)
        event = ingest.accept(raw, properties, clock, alias)
        out.state(profile.restate(person, event, policy.features))
        state.profiles.put(event.profile_id, person)
        canonical = str(properties[kind.links]) if kind.links else event.profile_id
        if canonical != event.profile_id:
            state.aliases.put(event.profile_id, Alias(canonical, clock))
        if event.type in ingest.BUILT_IN:
            self._settle_contact(event)
        else:
            self._attribute(event, policy)
        for point in policy.points_by_trigger.get(event.type, ()):
            self._trigger(point, policy, event, person, original.origin, wall)

    def _take_answer(self, given: AnswerInput, wall: int) -> None:
        state, out, proposal = self.state, self.out, given.proposal
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
            out.note(opened.round_id, opened.profile_id, "late_answer", self._clock(wall), details)
        if opened.calls:
            state.rounds.put(opened.round_id, opened)
            return
        state.rounds.delete(opened.round_id)
        if not opened.closed_at:
            state.rounds_open -= 1
            self._decide(opened, policy, wall)

    def _take_tick(self, given: TickInput, wall: int) -> None:
        if not self._passes_window(given.ticked_at, wall):
            self.out.step += 1

    def _take_policy(self, given: PolicyInput, wall: int) -> None:
        self.out.step += 1
        shard = self.state.shard
        if shard.policy_hash:
            before = self._policies[shard.policy_hash].features
            switch_series(shard.complete_from, before, given.policy.features, self._clock(wall))
        shard.policy_hash = given.policy.hash
        self.state.keep_shard()

    def _take_model(self, given: ModelInput, _wall: int) -> None:
        said = given.version
        if not self.setting.lockstep:  # there two runs may hear different ones
            self.out.step += 1
        row = self.state.models.get(said.model) or ModelRow()
        propose.learn(row, said)
        self.state.models.put(said.model, row)

    def _take_due(self, _given: DueInput, wall: int) -> None:
        timer = self.state.deadlines.pop(wall)
        if timer is not None:
            self.firing = Due(True, timer)
            self._pass_deadline(timer, wall)
        elif self.setting.live:
            self._passes_window(wall, wall)

    # what follows from an event

    def _forward(self, raw: RawEvent, original: Original, alias: Alias | None) -> None:
        """Send an event to its owner's partition; one hop leads to the person that an alias stands for."""
        known = self.state.profiles.get(raw.profile_id)  # from before it was an alias
        if self._repeats(known, fingerprint(raw.source, raw.event_id)):
            return
        self.out.step += 1
        self.out.count("records", "forwarded")
        owner, known_as = (raw.profile_id, None) if alias is None else (alias.profile_id, raw.profile_id)
        routed = RoutedEvent(replace(raw, profile_id=owner), original.origin, known_as)
        self.out.put("routed-events", owner, routed, raw=None if known_as else original.verbatim)

    def _repeats(self, person: Profile | None, identity: int) -> bool:
        """Tell whether an event was accepted before; then that is all that becomes of it."""
        if person is None or identity not in person.seen:
            return False
        self.out.step += 1
        self.out.count("records", "duplicate")
        return True

    def _attribute(self, event: Event, policy: Policy) -> None:
        state = self.state
        row = state.open_decisions.get(event.profile_id) or OpenDecisions()
        contacts = state.contacts.get(event.profile_id) or Contacts()
        changed = False
        if attribute.observe(row, event, self._policies):
            state.open_decisions.put(event.profile_id, row)
            for outcome in attribute.outcomes_of(row, event, policy):
                self.out.put("outcomes", event.profile_id, outcome)
                for reward in attribute.pending(row, outcome):
                    self.out.put("rewards", event.profile_id, reward)
                    self.out.count("rewards", reward.status)
                if policy.outcomes[outcome.type].match_category and outcome.activation_id:
                    changed |= effects.redeem(contacts, outcome.activation_id)
        for kind in policy.outcomes_by_event.get(event.type, ()):
            category = str(event.properties.get(kind.category_property))
            changed |= effects.cool_down(contacts, kind, category, event.occurred_at)
        if changed:
            state.contacts.put(event.profile_id, contacts)

    def _settle_contact(self, event: Event) -> None:
        """Take in what a delivery channel reports of an activation."""
        state = self.state
        activation_id, decision_id = str(event.properties["activation_id"]), str(event.properties["decision_id"])
        kind = event.type.removeprefix("activation_")
        contacts = state.contacts.get(event.profile_id)
        if contacts is not None and effects.settle(contacts, activation_id, kind, event.occurred_at):
            state.contacts.put(event.profile_id, contacts)
        row = state.open_decisions.get(event.profile_id)
        if row is not None and kind == "delivered" and attribute.deliver(row, activation_id, event.occurred_at):
            state.open_decisions.put(event.profile_id, row)
        self.out.note(decision_id, event.profile_id, kind, event.occurred_at, {"activation_id": activation_id})

    def _trigger(self, point: Point, policy: Policy, event: Event, person: Profile, origin: Origin, wall: int) -> None:
        """Open a round, ask its models, and close it at once if none of them has to be waited for."""
        state, out, clock = self.state, self.out, self._clock(wall)
        features = profile.compute(person, policy.features, clock, state.shard.complete_from)
        if not point.may_open(features):
            return
        opened = propose.open_round(point, policy, event, origin, features, clock, wall)
        if not propose.is_first(person, opened.round_id, clock):
            return
        out.count("triggers", point.name)
        awaited: list[tuple[Model, str]] = []
        for model in point.models:
            row = state.models.get(model.name)
            version = propose.current_version(row, model, clock)
            is_there = self.setting.lockstep or propose.is_alive(row, wall)
            answer = propose.answer_at_once(model, version, opened, policy, self._models, is_there=is_there)
            if answer is None:
                awaited.append((model, version))
            else:
                opened.answers[model.name] = answer
                out.count("answers", answer.status, model.name)
        if not awaited:
            self._decide(opened, policy, wall)
            return
        if not self.setting.lockstep:
            patience_ms = max(model.deadline_ms for model, _ in awaited)
            opened.deadline_wall_at = wall + (patience_ms if self.setting.live else propose.HISTORY_PATIENCE_MS)
            state.deadlines.set(opened.deadline_wall_at, opened.round_id, opened.profile_id)
        for model, version in awaited:
            request = propose.ask(opened, model, version, opened.deadline_wall_at if self.setting.live else 0)
            out.ask(opened.profile_id, model.name, request)
        state.rounds.put(opened.round_id, opened)
        state.rounds_open += 1

    def _decide(self, opened: Round, policy: Policy, wall: int) -> None:
        state, out, clock, profile_id = self.state, self.out, self._clock(wall), opened.profile_id
        point = policy.points[opened.decision_point]
        person = state.profiles.get(profile_id) or Profile(zone=policy.zone)
        contacts = state.contacts.get(profile_id) or Contacts()
        models = {name: state.models.get(name) for name in opened.answers}
        verdict = arbitrate.arbitrate(opened, policy, person, contacts, models, state.shard.off, clock)
        evidence = pack(verdict, lambda plaintext, about: self._vault.seal(person.key, plaintext, about))
        activation_id = activate.activation_id(opened.round_id, point.slot)
        shard, place = state.shard, (self.setting.partition, out.step)
        candidates = point.board.candidates
        decision = arbitrate.record(verdict, opened, candidates, activation_id, evidence, shard.chain, place)
        shard.chain = decision.hash
        state.keep_shard()
        out.put("decisions", profile_id, decision)
        out.waits_ms.append(wall - opened.opened_wall_at)
        out.count_decision(decision)
        is_ghost = verdict.ghost >= 0
        candidate = candidates[verdict.winner] if verdict.winner >= 0 else None
        if candidate is not None:
            effects.reserve(contacts, policy, candidate, activation_id, clock, is_ghost)
            state.contacts.put(profile_id, contacts)
        if candidate is not None and not is_ghost:
            lease_ms = policy.channels[candidate.channel_id].lease_ms
            out.put("activations", profile_id, activate.activate(opened, point, candidate, lease_ms, clock))
        row = state.open_decisions.get(profile_id) or OpenDecisions()
        held = attribute.await_outcomes(opened, policy, candidate, activation_id, is_ghost, decision.q, clock)
        if not attribute.hold(row, held):
            out.count("open_decisions_overflow")
        state.open_decisions.put(profile_id, row)
        state.windows.set(held.until, held.decision_id, profile_id)

    # time

    def _clock(self, wall: int) -> int:
        return wall if self.setting.live else self.state.shard.clock

    def _passes_window(self, to: int, wall: int) -> bool:
        """Stop at a barrier on the way, or fire the first window that is over by then; else move a history's clock."""
        barrier = self.barriers.ahead(to) if self.barriers is not None else 0
        timer = self.state.windows.pop(wall if self.setting.live else barrier or to)
        if timer is not None:
            self.firing = Due(False, timer)
            self._close_window(timer)
            return True
        if self.barriers is not None and barrier:
            self.held = self.barriers.reach(barrier)
            return self.held or self._passes_window(to, wall)
        if not self.setting.live and to > self.state.shard.clock:
            self.state.shard.clock = to
            self.state.keep_shard()
        return False

    def _pass_deadline(self, timer: Timer, wall: int) -> None:
        state, out, (_, round_id, profile_id) = self.state, self.out, timer
        opened = state.rounds.get(round_id)
        if opened is None or opened.closed_at:
            state.rounds.delete(round_id)
            return
        self.out.step += 1
        policy = self._policies[opened.policy_hash]
        again = [] if self.setting.live else propose.ask_again(opened, policy.models, state.models.get, wall)
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

    def _close_window(self, timer: Timer) -> None:
        _, decision_id, profile_id = timer
        row = self.state.open_decisions.get(profile_id) or OpenDecisions()
        opened = next((one for one in row.decisions if one.decision_id == decision_id), None)
        if opened is None:
            return
        self.out.step += 1
        policy = self._policies[opened.policy_hash]
        for reward in attribute.settle(row, opened, profile_id, policy):
            self.out.put("rewards", profile_id, reward)
            self.out.count("rewards", reward.status)
        for example in retrain.examples(opened, profile_id, policy):
            self.out.put("retraining", profile_id, example, example.model)
            self.out.count("examples", example.model)
        self.state.keep_open_decisions(profile_id, row)

    def _refuse(self, original: Original, cause: str, detail: str, *, is_event: bool) -> None:
        if is_event:
            self.out.count("records", "dead_letter")
        self.out.dead_letter(original, cause, detail)
