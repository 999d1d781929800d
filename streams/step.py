"""The one driver: `apply` composes the seven stages, for the worker, the simulator and replay alike.

Theory of operation.  A shard is a log of inputs.  Each input applied takes a number, the step; its effects are changes to the shard's rows and
outputs for topics, and nothing else.  Time comes in two clocks: `wall` is an argument, the deployment's clock is the wall clock when live and
the largest accepted event time in a history.  Timers that an input passes fire before it, each a step of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from streams import activate, arbitrate, attribute, ingest, profile, propose, retrain
from streams.decision import effects
from streams.inputs import (
    AnswersInput, DueInput, Input, ModelInput, Models, Original, Output, PolicyInput, RawInput, Refusal, RoutedInput, TickInput, Vault,
)  # fmt: skip
from streams.partition import partition_of
from streams.policy import Point, Policy
from streams.policy.features import switch_series
from streams.records import DeadLetter, DecisionNote, Event, Origin, RawEvent, RoutedEvent
from streams.rows import Alias, Contacts, ModelRow, OpenDecision, OpenDecisions, Profile, Round
from streams.state import State, Timer

VERSIONS_MAX: Final = 16  # of a model, that a shard remembers
ALIVE_MS: Final = 10_000  # a heartbeat comes every 3 s


class Step:
    """One shard's driver: its state, its place in the deployment, and the ports through which pure code is given what is not pure."""

    def __init__(
        self, state: State, policies: dict[str, Policy], models: Models, vault: Vault, *,
        partition: int, partitions: int, live: bool, lockstep: bool = False, step: int = 0,
    ) -> None:  # fmt: skip
        self.state: Final = state
        self.step = step
        self.tally: dict[tuple[str, ...], int] = {}  # what happened, by (what, of which kind); the caller reads and clears it
        self._policies: Final = policies
        self._models: Final = models
        self._vault: Final = vault
        self._partition: Final = partition
        self._partitions: Final = partitions
        self._live: Final = live
        self._lockstep: Final = lockstep
        self._outputs: list[Output] = []
        self._apply: Final[dict[type, Callable[..., None]]] = {
            RawInput: self._take_raw, RoutedInput: self._take_routed, AnswersInput: self._take_answer, TickInput: self._take_tick,
            PolicyInput: self._take_policy, ModelInput: self._take_model, DueInput: self._take_due,
        }  # fmt: skip

    def apply(self, given: Input, wall: int) -> list[Output]:
        """Apply one input at this wall time; return its outputs in order. Its changes are in the state, not yet flushed."""
        self._outputs = []
        self._apply[type(given)](given, wall)
        return self._outputs

    def refuse(self, original: Original, cause: str, detail: str) -> list[Output]:
        """Park a record on the dead-letter topic, as an input of its own."""
        self._outputs = []
        self.step += 1
        self._dead_letter(original, cause, detail)
        return self._outputs

    def wake_at(self) -> int | None:
        """Return the wall time of the next timer."""
        dues = [due for due in (self.state.deadlines.first(), self.state.windows.first() if self._live else None) if due is not None]
        return min(dues, default=None)

    # inputs

    def _take_raw(self, given: RawInput, wall: int) -> None:
        raw = given.event
        if isinstance(raw, Refusal):
            self._refuse_now(given.original, raw.cause, raw.detail)
            return
        if not raw.profile_id:
            self._refuse_now(given.original, "missing:profile_id", "an event names the person it is about")
            return
        state = self.state
        alias = state.aliases.get(raw.profile_id)
        if alias is not None:
            self._forward(raw, given.original, alias.profile_id, raw.profile_id)
        elif state.profiles.get(raw.profile_id) is not None or partition_of(raw.profile_id, self._partitions) == self._partition:
            self._take_event(raw, given.original, given.original.value, None, wall)
        else:
            self._forward(raw, given.original, raw.profile_id, None)

    def _take_routed(self, given: RoutedInput, wall: int) -> None:
        routed = given.event
        if isinstance(routed, Refusal):
            self._refuse_now(given.original, routed.cause, routed.detail)
            return
        original = Original(routed.origin, given.original.key, given.original.value, given.original.headers)
        self._take_event(routed.event, original, None, routed.alias, wall)

    def _take_event(self, raw: RawEvent, original: Original, raw_bytes: bytes | None, alias: str | None, wall: int) -> None:
        """Ingest an event that is at home here, then do all that follows from it."""
        state = self.state
        policy = self._policies[state.shard.policy_hash]
        kind = policy.events.get(raw.type) or ingest.BUILT_IN.get(raw.type)
        if kind is None:
            self._refuse_now(original, "unknown_event_type", f"{raw.type!r} is not in the event catalogue of policy {policy.hash[:12]}")
            return
        properties, cause = ingest.check_properties(raw.properties, kind)
        if cause:
            self._refuse_now(original, cause, f"an event {raw.type!r} has {dict(kind.properties)}")
            return
        clock = self._clock(wall)
        late = ingest.refuse_time(raw.occurred_at, clock, self._live)
        if late or raw.occurred_at <= 0:
            self._refuse_now(original, "future_time" if late else "invalid:occurred_at", late or f"{raw.occurred_at} is not an instant after 1970")
            return
        person = state.profiles.get(raw.profile_id)
        if person is None:
            person = Profile(zone=policy.zone, zone_source="policy", key=self._vault.new_key(raw.profile_id))
        elif ingest.is_seen(person, raw):
            self.step += 1
            self._count("records", "duplicate")
            return
        self._advance(raw.occurred_at, wall)
        self.step += 1
        clock = self._clock(wall)
        if not ingest.remember(person, raw, clock):
            self._count("seen_overflow")
        event = ingest.accept(raw, properties, clock, alias)
        self._put("events", event.profile_id, event, raw=raw_bytes)
        self._count("records", "accepted")
        profile.fold(person, event, policy.features)
        state.profiles.put(event.profile_id, person)
        if kind.links:
            self._link(event, str(properties[kind.links]), clock)
        self._attribute(event, policy)
        for point in policy.points_by_trigger.get(event.type, ()):
            self._trigger(point, policy, event, person, original.origin, clock, wall)

    def _take_answer(self, given: AnswersInput, wall: int) -> None:
        if isinstance(given.proposal, Refusal):
            self._refuse_now(given.original, given.proposal.cause, given.proposal.detail)
            return
        self.step += 1
        proposal = given.proposal
        opened = self.state.rounds.get(proposal.round_id)
        name = opened.calls.get(proposal.call_id) if opened is not None else None
        if opened is None or name is None:
            self._count("answers", "orphan", given.model)
            return
        policy = self._policies[opened.policy_hash]
        model = policy.models[name]
        propose.take_answer(opened, proposal, model, policy.outputs_of(model))
        self._count("answers", opened.answers[name].status, name)
        if opened.closed_at:
            self._count("answers", "late", name)
            self._note(opened.round_id, opened.profile_id, "late_answer", self._clock(wall), {"model": model.name, "status": proposal.status})
        if opened.calls:
            self.state.rounds.put(opened.round_id, opened)
            return
        self.state.rounds.delete(opened.round_id)
        if not opened.closed_at:
            self.state.rounds_open -= 1
            self._decide(opened, policy, wall)

    def _take_tick(self, given: TickInput, wall: int) -> None:
        self._advance(given.ticked_at, wall)
        self.step += 1

    def _take_policy(self, given: PolicyInput, wall: int) -> None:
        self.step += 1
        shard = self.state.shard
        if shard.policy_hash:
            before = self._policies[shard.policy_hash].features
            switch_series(shard.complete_from, before, given.policy.features, self._clock(wall))
        shard.policy_hash = given.policy.hash
        self.state.keep_shard()

    def _take_model(self, given: ModelInput, wall: int) -> None:
        self.step += 1
        said = given.version
        row = self.state.models.get(said.model) or ModelRow()
        if said.kind == "heartbeat":
            row.alive_until = max(row.alive_until, said.published_at + ALIVE_MS)
        elif all(known[1] != said.version for known in row.versions):
            calibrator = said.calibrator
            row.versions.append([
                said.trained_until, said.version, calibrator.calibrator_id if calibrator else "",
                calibrator.edges_ppb if calibrator else [], calibrator.values_ppb if calibrator else [],
            ])  # fmt: skip
            row.versions.sort(key=lambda version: version[0])
            del row.versions[:-VERSIONS_MAX]
        self.state.models.put(said.model, row)

    def _take_due(self, _: DueInput, wall: int) -> None:
        timer = self.state.deadlines.pop(wall)
        if timer is not None:
            self._fire(timer, self._pass_deadline, wall)
        elif self._live:
            self._advance(wall, wall)

    # what follows from an event

    def _link(self, event: Event, canonical: str, clock: int) -> None:
        if canonical != event.profile_id:
            self.state.aliases.put(event.profile_id, Alias(canonical, clock))

    def _forward(self, raw: RawEvent, original: Original, owner: str, alias: str | None) -> None:
        self.step += 1
        self._count("records", "forwarded")
        raw_bytes = original.value if alias is None else None
        if alias is not None:
            raw = RawEvent(raw.event_id, owner, raw.type, raw.occurred_at, raw.source, raw.properties, raw.consent, raw.traceparent)
        self._put("routed-events", owner, RoutedEvent(raw, original.origin, alias), raw=raw_bytes)

    def _attribute(self, event: Event, policy: Policy) -> None:
        state = self.state
        row = state.open_decisions.get(event.profile_id)
        if event.type in ingest.BUILT_IN:
            self._settle_contact(event, row)
        elif row is not None and row.decisions and attribute.observe(row, event, self._policies):
            state.open_decisions.put(event.profile_id, row)
            for outcome in attribute.outcomes_of(row, event, policy):
                self._put("outcomes", event.profile_id, outcome)
                reward = attribute.pending(row, outcome)
                if reward is not None:
                    self._put("rewards", event.profile_id, reward)
                    self._count("rewards", reward.status)

    def _settle_contact(self, event: Event, row: OpenDecisions | None) -> None:
        """A delivery channel reports what became of an activation."""
        activation_id, decision_id = str(event.properties["activation_id"]), str(event.properties["decision_id"])
        kind = event.type.removeprefix("activation_")
        contacts = self.state.contacts.get(event.profile_id)
        if contacts is not None:
            effects.settle(contacts, activation_id, kind, event.occurred_at)
            self.state.contacts.put(event.profile_id, contacts)
        for opened in row.decisions if row else ():
            if opened.activation_id == activation_id and kind == "delivered" and row:
                opened.delivered_at = event.occurred_at
                self.state.open_decisions.put(event.profile_id, row)
        self._note(decision_id, event.profile_id, kind, event.occurred_at, {"activation_id": activation_id})

    def _trigger(self, point: Point, policy: Policy, event: Event, person: Profile, origin: Origin, clock: int, wall: int) -> None:
        state = self.state
        features = profile.compute(person, policy.features, clock, state.shard.complete_from)
        if not point.may_open(features):
            return
        opened = propose.open_round(point, policy, event, origin, features, clock, wall)
        self._count("triggers", point.name)
        patience = 0
        for model in point.models:
            row = state.models.get(model.name)
            version = propose.current_version(row, clock)
            if not version:
                opened.answers[model.name] = propose.COLD
            elif model.inline:
                opened.answers[model.name] = propose.ask_inline(model, version, features, self._models, policy.outputs_of(model))
            elif not self._lockstep and (row is None or row.alive_until <= wall):
                opened.answers[model.name] = propose.DEAD
            else:
                patience = max(patience, model.deadline_ms if self._live else propose.HISTORY_PATIENCE_MS)
                opened.deadline_wall_at = wall + patience if not self._lockstep else 0
                self._put("requests", event.profile_id, propose.ask(opened, model, version), model.name)
                self._count("requests", model.name)
        if not opened.calls:
            self._decide(opened, policy, wall)
            return
        state.rounds.put(opened.round_id, opened)
        state.rounds_open += 1
        if opened.deadline_wall_at:
            state.deadlines.set(opened.deadline_wall_at, opened.round_id, opened.profile_id)

    def _decide(self, opened: Round, policy: Policy, wall: int) -> None:
        state = self.state
        clock = self._clock(wall)
        point = policy.points[opened.decision_point]
        person = state.profiles.get(opened.profile_id) or Profile(zone=policy.zone)
        contacts = state.contacts.get(opened.profile_id) or Contacts()
        calibrators = {name: arbitrate.calibrator_of(state.models.get(name), answer.version) for name, answer in opened.answers.items()}
        verdict = arbitrate.arbitrate(opened, policy, point, person, contacts, calibrators, clock)
        shard = state.shard
        activation_id = activate.activation_id(opened.round_id, point.slot)
        decision = arbitrate.record(verdict, opened, point, person, self._vault, activation_id, self._partition, self.step, shard.chain)
        shard.chain = decision.hash
        state.keep_shard()
        self._put("decisions", opened.profile_id, decision)
        self._count("decisions", verdict.source)
        if verdict.reason:
            self._count("withheld", verdict.reason)
        for flag in verdict.flags:
            self._count("flags", flag)
        ghost = verdict.ghost >= 0
        meant = verdict.ghost if ghost else verdict.chosen
        candidate = point.board.candidates[meant] if meant >= 0 else None
        if candidate is not None:
            effects.reserve(contacts, policy, candidate, activation_id, clock, ghost)
            state.contacts.put(opened.profile_id, contacts)
            if not ghost:
                self._put("activations", opened.profile_id, activate.activate(opened, point, candidate, clock))
                self._count("activations", candidate.channel_id)
        row = state.open_decisions.get(opened.profile_id) or OpenDecisions()
        held = attribute.await_outcomes(opened, policy, candidate, ghost=ghost, q=decision.q, activation_id=activation_id, decided_at=clock)
        if not attribute.hold(row, held):
            self._count("open_decisions_overflow")
        state.open_decisions.put(opened.profile_id, row)
        state.windows.set(held.until, held.decision_id, opened.profile_id)

    # time

    def _clock(self, wall: int) -> int:
        return wall if self._live else self.state.shard.clock

    def _advance(self, to: int, wall: int) -> None:
        """Fire every timer of the deployment's clock that is due by then; in a history, move the clock there."""
        now = wall if self._live else to
        windows = self.state.windows
        while (timer := windows.pop(now)) is not None:
            self._fire(timer, self._close_window, wall)
        shard = self.state.shard
        if not self._live and to > shard.clock:
            shard.clock = to
            self.state.keep_shard()

    def _fire(self, timer: Timer, act: Callable[[Timer, int], None], wall: int) -> None:
        """Let a timer act; what it cannot do is a dead letter, not an end."""
        try:
            act(timer, wall)
        except Exception as error:  # noqa: BLE001  # one timer fails, not the partition
            origin = Original(Origin("timer", self._partition, 0, timer[0]), timer[2].encode(), timer[1].encode(), [])
            self._dead_letter(origin, f"internal_error:{type(error).__name__}", str(error))

    def _pass_deadline(self, timer: Timer, wall: int) -> None:
        state = self.state
        opened = state.rounds.get(timer[1])
        if opened is None:
            return
        if opened.closed_at:
            state.rounds.delete(timer[1])
            return
        asked = [state.models.get(name) for name in opened.calls.values()]
        if not self._live and all(row is not None and row.alive_until > wall for row in asked):
            opened.deadline_wall_at = wall + propose.HISTORY_PATIENCE_MS
            state.rounds.put(timer[1], opened)
            state.deadlines.set(opened.deadline_wall_at, timer[1], opened.profile_id)
            return
        self.step += 1
        propose.give_up(opened, wall)
        state.rounds.put(timer[1], opened)
        state.rounds_open -= 1
        state.deadlines.set(wall + propose.LATE_MS, timer[1], opened.profile_id)
        self._decide(opened, self._policies[opened.policy_hash], wall)

    def _close_window(self, timer: Timer, wall: int) -> None:
        state = self.state
        row = state.open_decisions.get(timer[2])
        for opened in row.decisions if row else ():
            if opened.decision_id == timer[1] and row is not None:
                self.step += 1
                policy = self._policies[opened.policy_hash]
                for reward in attribute.settle(row, opened, timer[2], policy):
                    self._put("rewards", timer[2], reward)
                    self._count("rewards", reward.status)
                for example in retrain.examples(opened, timer[2], policy):
                    self._put("retraining", timer[2], example, example.model)
                    self._count("examples", example.model)
                if row.decisions:
                    state.open_decisions.put(timer[2], row)
                else:
                    state.open_decisions.delete(timer[2])
                return

    # outputs

    def _refuse_now(self, original: Original, cause: str, detail: str) -> None:
        self.step += 1
        self._dead_letter(original, cause, detail)

    def _dead_letter(self, original: Original, cause: str, detail: str) -> None:
        self._count("records", "dead_letter")
        self._count("dead_letters", cause)
        noted_at = original.origin.timestamp
        self._put("dead-letters", "", DeadLetter(cause, detail, original.origin, original.key, original.value, original.headers, noted_at))

    def _note(self, decision_id: str, profile_id: str, kind: str, noted_at: int, details: dict[str, str]) -> None:
        self._put("decision-notes", profile_id, DecisionNote(decision_id, profile_id, kind, noted_at, details))

    def _put(self, noun: str, key: str, record: object, model: str = "", *, raw: bytes | None = None) -> None:
        self._outputs.append(Output(noun, model, key, record, self.step, raw))

    def _count(self, what: str, *kind: str) -> None:
        key = (what, *kind)
        self.tally[key] = self.tally.get(key, 0) + 1
