"""One partition lived through again: the one driver on rows that begin empty, under whichever policy is switched to.

Theory of operation.  Accepted events come in the order in which they were accepted, each at the instant at which it
was.  Models answer in process, with the version that is the newest for that instant: a policy's `serves` decides where
a model runs and not what it says.  What goes out is delivered: where the recorded run sent the same activation on the
same delivery channel, when and as it was; else after the channel's delay.  People do what they did.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from agents.codecs.rows import ROW_CODEC
from agents.workers.inline import InlineModels
from streams.ingest import REPORTS
from streams.inputs import Input, ModelInput, Original, PolicyInput, RoutedInput, Setting
from streams.policy import Policy, compile_policy
from streams.records import Activation, Decision, Event, ModelVersion, Origin, RawEvent, RoutedEvent
from streams.state import State
from streams.step import Step

DELIVERED: Final = "activation_delivered"
SOURCE: Final = "simulation"  # of the reports that are made up here
FLUSH_INPUTS: Final = 256

HasSent = Callable[[str, str], bool]  # (decision_id, delivery channel): whether the recorded run sent it there


def compile_inline(bundle: Mapping[str, Any], name: str) -> Policy:
    """Return the policy of a bundle, by the name of its hash, with every model inside the process."""
    models = {model: {**told, "serves": "inline"} for model, told in bundle.get("models", {}).items()}
    return replace(compile_policy({**bundle, "models": models}), hash=name)


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
        has_sent: HasSent,
    ) -> None:  # fmt: skip
        """Begin with nobody known; `versions` are what trainers ever published."""
        self.failed: Final[list[tuple[str, str]]] = []  # event_id and error, of events on which a stage failed
        self._state: Final = State({}, ROW_CODEC)
        self._models: Final = InlineModels()
        setting = Setting(number, partitions, live=True)  # the instant of an event is its clock
        self._step: Final = Step(self._state, policies, self._models, OpenVault(), setting, 0)
        self._origin: Final = Origin(SOURCE, number, 0, 0)
        self._versions: Final = sorted(versions, key=lambda version: version.trained_until, reverse=True)
        self._has_sent: Final = has_sent
        self._awaited: Final[set[str]] = set()  # activations on which the recorded run's report will be heard
        self._due: Final[list[tuple[int, str, Activation]]] = []  # a heap: when each of the others is delivered
        self._policies: Final = policies
        self._applied: list[tuple[Input, int]] = []  # since the last flush
        self._flushed_step = 0

    def switch(self, policy_hash: str, at: int) -> None:
        """Decide under this policy from now on."""
        self._apply(PolicyInput(self._policies[policy_hash]), at)

    def take(self, event: Event) -> list[Decision]:
        """Take the next accepted event; return what is decided meanwhile."""
        at = event.accepted_at
        decisions = self._deliver(at)
        while self._versions and self._versions[-1].trained_until <= at:
            version = self._versions.pop()
            self._models.learn(version)
            self._apply(ModelInput(version), at)
        about = event.properties.get("activation_id") if event.type in REPORTS else None
        if about is not None and about not in self._awaited:
            return decisions
        raw = RawEvent(
            event.event_id, event.profile_id, event.type, event.occurred_at, event.source, event.properties,
            event.consent, event.traceparent,
        )  # fmt: skip
        return decisions + self._tell(raw, event.alias, at)

    def _deliver(self, until: int) -> list[Decision]:
        decisions: list[Decision] = []
        while self._due and self._due[0][0] <= until:
            at, activation_id, sent = heapq.heappop(self._due)
            told = {
                "activation_id": activation_id, "decision_id": sent.decision_id,
                "delivery_channel": sent.delivery_channel,
            }  # fmt: skip
            report = RawEvent(activation_id, sent.profile_id, DELIVERED, at, SOURCE, dict(told))
            decisions += self._tell(report, None, at)
        return decisions

    def _tell(self, raw: RawEvent, alias: str | None, at: int) -> list[Decision]:
        """Apply an event; one on which a stage fails is taken back whole, as a worker does, and told."""
        given = RoutedInput(RoutedEvent(raw, self._origin, alias), Original(self._origin, None, None, []))
        try:
            return self._apply(given, at)
        except Exception as error:  # noqa: BLE001 — a policy may fail on anything; the rest of the window goes on
            self.failed.append((raw.event_id, f"{type(error).__name__}: {error}"))
            again, self._applied = self._applied, []
            self._state.rewind()
            self._step.out.rewind(self._flushed_step)
            for earlier, instant in again:
                self._run(earlier, instant)
            self._applied = again
            return []

    def _apply(self, given: Input, at: int) -> list[Decision]:
        outputs = self._run(given, at)
        self._applied.append((given, at))
        if len(self._applied) >= FLUSH_INPUTS:
            self._state.flush()
            self._step.out.clear()
            self._flushed_step = self._step.out.step
            self._applied = []
        for output in outputs:
            if output.noun == "activations":
                self._send(output.record)
        return [output.record for output in outputs if output.noun == "decisions"]

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
