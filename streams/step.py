"""The one driver: `apply` takes one input of a shard after the other, for the worker, the simulator and replay alike.

Theory of operation.  A shard is a log of inputs.  Each input applied takes a number, the step; its effects are changes
to the shard's rows and outputs for topics, and nothing else.  Time comes in two clocks: `wall` is an argument, the
deployment's clock is `clock.py`'s.  A timer that an input passes fires before it: `apply` then fires that timer only,
and is called again with the same input.  So whatever fails is one timer or one record, and can be buried alone.

What an input leads through is composed by `intake.py` (stages 1 and 2), `rounds.py` (3 to 5) and `outcomes.py` (6, 7).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from streams.clock import Clock
from streams.controls import Controls
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
from streams.intake import Intake
from streams.outbox import Outbox
from streams.outcomes import Outcomes
from streams.policy import Policy
from streams.records import Origin
from streams.rounds import Rounds
from streams.state import State, Timer


class Step:
    """One shard's driver: its state, and the ports through which pure code is given what is not pure."""

    def __init__(
        self, state: State, policies: Mapping[str, Policy], models: Models, vault: Vault, setting: Setting, step: int
    ) -> None:
        self.state: Final = state
        self.setting: Final = setting
        self.out: Final = Outbox(step)
        self.clock: Final = Clock(state, policies, self.out, setting, self._fire)
        self._rounds: Final = Rounds(state, policies, models, vault, setting, self.out, self.clock)
        self._outcomes: Final = Outcomes(state, policies, self.out)
        intake = Intake(state, policies, vault, setting, self.out, self.clock, self._rounds, self._outcomes)
        controls = Controls(state, policies, setting, self.out, self.clock)
        self._apply: Final[dict[type, Callable[..., None]]] = {
            RefusedInput: intake.refuse, RawInput: intake.take_raw, RoutedInput: intake.take_routed,
            AnswerInput: self._rounds.take_answer, TickInput: self._take_tick, DueInput: self._take_due,
            PolicyInput: controls.take_policy, ModelInput: controls.take_model, SwitchInput: controls.take_switch,
        }  # fmt: skip

    def apply(self, given: Input, wall: int) -> list[Output]:
        """Apply one input at this wall time, or fire the first timer that it passes (`firing`), or be `held`.

        Returns the outputs in order; the changes are in the state, not yet flushed.
        """
        clock = self.clock
        clock.firing = None
        clock.held = False
        self.out.outputs = []
        self._apply[type(given)](given, wall)
        return self.out.outputs

    @property
    def firing(self) -> Due | None:
        """The timer that the last `apply` fired, instead of its input."""
        return self.clock.firing

    @property
    def held(self) -> bool:
        """Tell whether lockstep kept the last `apply` from taking its input, which is then to be offered again."""
        return self.clock.held

    def bury(self, given: Input | None, original: Original, cause: str, detail: str, *, is_event: bool) -> list[Output]:
        """Park a record on which a stage failed, as an input of its own; None: decoding it failed."""
        self.out.begin()
        if isinstance(given, AnswerInput):
            self.state.drop_round(given.proposal.round_id)  # else it would wait for an answer that has come
        self.out.refuse(original, cause, detail, is_event=is_event)
        return self.out.outputs

    def bury_timer(self, due: Due, cause: str, detail: str) -> list[Output]:
        """Park a timer that failed, with what it was to close."""
        self.out.begin()
        at, identity, profile_id = due.timer
        (self.state.deadlines if due.is_deadline else self.state.timers).pop(at)
        if due.is_deadline:
            self.state.drop_round(identity)
        else:
            self.state.drop_open_decision(profile_id, identity)
            self.state.deferrals.delete(identity)
        origin = Origin("timer", self.setting.partition, 0, at)
        self.out.dead_letter(Original(origin, profile_id.encode(), identity.encode(), []), cause, detail)
        return self.out.outputs

    def wake_at(self) -> int | None:
        """Return the wall time of the next timer."""
        return self.clock.wake_at()

    def _take_tick(self, given: TickInput, wall: int) -> None:
        if not self.clock.passes(given.ticked_at, wall):
            self.out.step += 1

    def _take_due(self, _given: DueInput, wall: int) -> None:
        timer = self.state.deadlines.pop(wall)
        if timer is not None:
            self.clock.firing = Due(True, timer)
            self._rounds.pass_deadline(timer, wall)
        elif self.setting.live:
            self.clock.passes(wall, wall)

    def _fire(self, timer: Timer, wall: int) -> None:
        """Do what a timer of the deployment's clock is for."""
        if timer[1] in self.state.deferrals:
            self._rounds.release(timer, wall)
        else:
            self._outcomes.close_window(timer)
