"""Switches: what an operator has let nothing of go out, as the shard knows it."""

from __future__ import annotations

from streams.outbox import Outbox
from streams.records import Switch
from streams.state import State


def take(state: State, out: Outbox, switch: Switch) -> None:
    """Take up an order; decisions of later steps are made without what is off."""
    out.step += 1
    others = [scope for scope in state.shard.off if scope != switch.scope]
    state.shard.off = sorted([*others, switch.scope]) if switch.is_off else others
    state.keep_shard()
