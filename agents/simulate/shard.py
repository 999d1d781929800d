"""One partition lived through again: the one driver on rows that begin empty, under whichever policy is switched to.

Theory of operation.  Accepted events come in the order in which they were accepted, each at the instant at which it
was; timers fire at theirs in between.  Models answer in process, with the version that is the newest for that instant:
a policy's `serves` decides where a model runs and not what it says.  What goes out is delivered: where the recorded run
sent the same activation on the same delivery channel, when and as it was; else after the channel's delay, if it may go
out then still.  People do what they did.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Protocol

from agents.channels.permits import Permits
from agents.codecs.rows import ROW_CODEC
from agents.workers.inline import InlineModels
from streams.ingest import REPORTS
from streams.inputs import DueInput, Input, ModelInput, Models, Original, PolicyInput, RoutedInput, Setting
from streams.policy import Policy, compile_policy
from streams.records import (
    Activation,
    ContactState,
    Decision,
    Event,
    ModelVersion,
    Origin,
    Outcome,
    RawEvent,
    RoutedEvent,
)
from streams.state import State
from streams.step import Step

DELIVERED: Final = "activation_delivered"
REJECTED: Final = "activation_rejected"
SOURCE: Final = "simulation"  # of the reports that are made up here
FLUSH_INPUTS: Final = 256

HasSent = Callable[[str, str], bool]  # (decision_id, delivery channel): whether the recorded run sent it there


def compile_inline(bundle: Mapping[str, Any], name: str) -> Policy:
    """Return the policy of a bundle, by the name of its hash, with every model inside the process."""
    models = {model: {**told, "serves": "inline"} for model, told in bundle.get("models", {}).items()}
    return replace(compile_policy({**bundle, "models": models}), hash=name)


class Teachable(Models, Protocol):
    """Models that answer at once, and learn of versions."""

    def learn(self, version: ModelVersion) -> None:
        """Keep a version."""


class Witness:
    """Sees what happens, in order; this one takes no note."""

    def decided(self, decision: Decision) -> None:
        """Take a decision."""

    def dispatched(self, at: int, sent: Activation, why: str) -> None:
        """Take what became of an activation: why it did not go out, "" = it is delivered."""

    def observed(self, outcome: Outcome) -> None:
        """Take what followed."""


class OpenVault:
    """Seals nothing: what is simulated is kept nowhere."""

    def new_key(self, profile_id: str) -> bytes:
        """Return a key."""
        return profile_id.encode()

    def seal(self, key: bytes, plaintext: bytes, decision_id: str) -> bytes:
        """Return the text as it is."""
        del key, decision_id
        return plaintext


class Shard:
    """A partition under simulation."""

    def __init__(
        self, number: int, partitions: int, policies: Mapping[str, Policy], versions: Iterable[ModelVersion],
        has_sent: HasSent, *, models: Teachable | None = None, witness: Witness | None = None,
    ) -> None:  # fmt: skip
        """Begin with nobody known.

        versions: what trainers ever published; models: what answers with them; witness: is told what happens.
        """
        self.failed: Final[list[tuple[str, str]]] = []  # event_id and error, of events on which a stage failed
        self._state: Final = State({}, ROW_CODEC)
        self._models: Final = models or InlineModels()
        setting = Setting(number, partitions, live=True)  # the instant of an event is its clock
        self._step: Final = Step(self._state, policies, self._models, OpenVault(), setting, 0)
        self._origin: Final = Origin(SOURCE, number, 0, 0)
        self._versions: Final = sorted(versions, key=lambda version: version.trained_until, reverse=True)
        self._has_sent: Final = has_sent
        self._awaited: Final[set[str]] = set()  # activations on which the recorded run's report will be heard
        self._due: Final[list[tuple[int, str, Activation]]] = []  # a heap: when each of the others is delivered
        self._witness: Final = witness or Witness()
        self._permits: Final[dict[tuple[str, str], Permits]] = {}  # by policy and delivery channel
        self._states: Final[dict[str, ContactState]] = {}  # the last ones said of people
        self._policies: Final = policies
        self._applied: list[tuple[Input, int]] = []  # since the last flush
        self._flushed_step = 0

    def switch(self, policy_hash: str, at: int) -> None:
        """Decide under this policy from now on."""
        self._apply(PolicyInput(self._policies[policy_hash]), at)

    def take(self, event: Event) -> list[Decision]:
        """Take the next accepted event; return what is decided meanwhile."""
        at = event.accepted_at
        decisions = self.pass_time(at)
        about = event.properties.get("activation_id") if event.type in REPORTS else None
        if about is not None and about not in self._awaited:
            return decisions
        raw = RawEvent(
            event.event_id, event.profile_id, event.type, event.occurred_at, event.source, event.properties,
            event.consent, event.traceparent,
        )  # fmt: skip
        return decisions + self.tell(raw, event.alias, at)

    def pass_time(self, until: int) -> list[Decision]:
        """Let timers fire and deliveries happen that are due by then, each at its instant; then hear of versions."""
        decisions: list[Decision] = []
        while True:
            fires_at, delivered_at = self._step.wake_at(), self._due[0][0] if self._due else None
            if fires_at is not None and fires_at <= until and (delivered_at is None or fires_at <= delivered_at):
                decisions += self._attempt(DueInput(), "timer", fires_at)
            elif delivered_at is not None and delivered_at <= until:
                decisions += self._deliver(*heapq.heappop(self._due))
            else:
                break
        while self._versions and self._versions[-1].trained_until <= until:
            version = self._versions.pop()
            self._models.learn(version)
            self._apply(ModelInput(version), until)
        return decisions

    def _deliver(self, at: int, activation_id: str, sent: Activation) -> list[Decision]:
        """Report what became of an activation: it is delivered, unless something keeps it from going out by now."""
        why = self._permit(sent).refuse(sent)
        self._witness.dispatched(at, sent, why)
        told = {
            "activation_id": activation_id, "decision_id": sent.decision_id, "delivery_channel": sent.delivery_channel,
        }  # fmt: skip
        kind = REJECTED if why else DELIVERED
        properties = told | {"reason": why} if why else told
        return self.tell(RawEvent(activation_id, sent.profile_id, kind, at, SOURCE, dict(properties)), None, at)

    def _permit(self, sent: Activation) -> Permits:
        """Return what a delivery channel knows of a person by now."""
        place = (sent.policy_hash, sent.delivery_channel)
        permits = self._permits.get(place)
        if permits is None:
            permits = self._permits[place] = Permits(sent.delivery_channel, self._policies[sent.policy_hash])
        if (state := self._states.get(sent.profile_id)) is not None:
            permits.take_state(state)
        return permits

    def tell(self, raw: RawEvent, alias: str | None, at: int) -> list[Decision]:
        """Take an event or a report as it is, at an instant."""
        given = RoutedInput(RoutedEvent(raw, self._origin, alias), Original(self._origin, None, None, []))
        return self._attempt(given, raw.event_id, at)

    def _attempt(self, given: Input, name: str, at: int) -> list[Decision]:
        """Apply an input; one on which a stage fails is taken back whole, as a worker does, and told."""
        try:
            return self._apply(given, at)
        except Exception as error:  # noqa: BLE001 — a policy may fail on anything; the rest of the window goes on
            self.failed.append((name, f"{type(error).__name__}: {error}"))
            due = self._step.firing
            again, self._applied = self._applied, []
            self._state.rewind()
            self._step.out.rewind(self._flushed_step)
            for earlier, instant in again:
                self._run(earlier, instant)
            self._applied = again
            if due is not None:
                self._step.bury_timer(due, "internal_error", str(error))
                self._flush()
            return []

    def _apply(self, given: Input, at: int) -> list[Decision]:
        outputs = self._run(given, at)
        self._applied.append((given, at))
        if len(self._applied) >= FLUSH_INPUTS:
            self._flush()
        for output in outputs:
            if output.noun == "decisions":
                self._witness.decided(output.record)
            elif output.noun == "activations":
                self._send(output.record)
            elif output.noun == "outcomes":
                self._witness.observed(output.record)
            elif output.noun == "contact-states":
                self._states[output.key] = output.record
        return [output.record for output in outputs if output.noun == "decisions"]

    def _flush(self) -> None:
        self._state.flush()
        self._step.out.clear()
        self._flushed_step = self._step.out.step
        self._applied = []

    def _run(self, given: Input, at: int) -> Sequence[Any]:
        """Apply an input and the timers that it passes; return what came of it."""
        outputs = list(self._step.apply(given, at))
        while self._step.firing is not None:
            outputs += self._step.apply(given, at)
        return outputs

    def _send(self, activation: Activation) -> None:
        if self._has_sent(activation.decision_id, activation.delivery_channel):
            self._awaited.add(activation.activation_id)
            return
        channel = self._policies[activation.policy_hash].channels[activation.delivery_channel]
        due = activation.release_at + channel.delay_ms
        heapq.heappush(self._due, (due, activation.activation_id, activation))
