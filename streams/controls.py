"""What a shard is told from outside the stream of events: the policy, versions of models, an operator's orders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from streams import propose
from streams.clock import Clock
from streams.inputs import ModelInput, PolicyInput, Setting, SwitchInput
from streams.outbox import Outbox
from streams.policy import Policy
from streams.policy.features import switch_series
from streams.rows import ModelRow
from streams.state import State


class Controls:
    """Takes what comes on control topics; it holds from the next step on."""

    def __init__(
        self, state: State, policies: Mapping[str, Policy], setting: Setting, out: Outbox, clock: Clock
    ) -> None:
        self._state: Final = state
        self._policies: Final = policies
        self._setting: Final = setting
        self._out: Final = out
        self._clock: Final = clock

    def take_policy(self, given: PolicyInput, wall: int) -> None:
        """Decide by another policy; a round ends under the one it began with."""
        self._out.step += 1
        shard = self._state.shard
        if shard.policy_hash:
            before = self._policies[shard.policy_hash].features
            switch_series(shard.complete_from, before, given.policy.features, self._clock.now(wall))
        shard.policy_hash = given.policy.hash
        self._state.keep_shard()

    def take_model(self, given: ModelInput, _wall: int) -> None:
        """Hear of a version, a heartbeat or a release."""
        said = given.version
        if not self._setting.lockstep:  # there two runs may hear different ones
            self._out.step += 1
        row = self._state.models.get(said.model) or ModelRow()
        propose.learn(row, said)
        self._state.models.put(said.model, row)

    def take_switch(self, given: SwitchInput, _wall: int) -> None:
        """Take up an operator's order; decisions of later steps are made without what is off."""
        self._out.step += 1
        shard, switch = self._state.shard, given.switch
        others = [scope for scope in shard.off if scope != switch.scope]
        shard.off = sorted([*others, switch.scope]) if switch.is_off else others
        self._state.keep_shard()
