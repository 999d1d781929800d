"""Barriers: where shards in lockstep wait for the trainers, so that two runs decide with the same versions.

Theory of operation.  Which version of a model a decision finds depends on how fast processes are, and so does what a
version has learned.  Lockstep takes both out.  The beginning of each day of stream time (UTC) is a barrier.  A shard
whose clock is about to pass one closes the windows that end by then, moves its clock there, says so on `barriers`, and
takes nothing more until the trainer of each model has released that barrier; days on which nothing happens it leaves
out.  A trainer that has released R looks at `low`, the least of the barriers that the partitions have said last.  Once
low > R it takes the examples that are final before low, in the order of (final_at, decision), and publishes a version,
if one is due by then, with the release of low, in one transaction.

Why every run comes to the same bytes:
- While low > R nobody moves: each shard stands at its first barrier beyond R, for it takes a release to go on.  Which
  barrier that is follows from the shard's own input.  So does low, and by induction so do all barriers released.
- What is final before low is committed by then, and nothing is added to it: a shard said a barrier behind the windows
  that end by it, and the windows of what it decides later end later.  So a trainer learns the same in the same order.
- A version stands before its release, and nothing beyond a shard's own barrier is released before the shard says the
  next one.  So a shard that goes on has heard all versions up to its barrier and no other.

Versions and releases say nothing, so it does not matter in which order those of several models are heard.  Nor do they
take a step: those that are superseded go when their topic is compacted, and one run may never hear of them.

A partition to which nothing comes holds up all others.  Who plays a history in lockstep lets all partitions come to its
last day, and ends it with a tick for each.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from streams.outbox import Outbox
from streams.policy import Policy
from streams.records import Tick
from streams.state import State

DAY_MS: Final = 86_400_000


class Barriers:
    """The barriers of one shard, in a history in lockstep."""

    def __init__(self, state: State, policies: Mapping[str, Policy], out: Outbox) -> None:
        self._state: Final = state
        self._policies: Final = policies
        self._out: Final = out

    def is_shut(self) -> bool:
        """Tell whether the shard stands at a barrier which a trainer has yet to release."""
        at = self._state.shard.barrier
        rows = map(self._state.models.get, self._trained())
        return any((row.released if row is not None else 0) < at for row in rows)

    def ahead(self, to: int) -> int:
        """Return the barrier that the clock cannot pass on its way to an instant; 0 = none."""
        at = self._state.shard.barrier
        if self.is_shut():
            return at
        barrier = to // DAY_MS * DAY_MS
        return barrier if barrier > at and self._trained() else 0

    def reach(self, barrier: int) -> bool:
        """Move the clock to a barrier, and say so once; tell whether it is shut."""
        shard = self._state.shard
        if barrier > shard.barrier:
            self._out.step += 1
            shard.clock = max(shard.clock, barrier)
            shard.barrier = barrier
            self._state.keep_shard()
            self._out.put("barriers", "", Tick(barrier))
        return self.is_shut()

    def _trained(self) -> list[str]:
        """Return the models that have a trainer; none before there is a policy."""
        policy = self._policies.get(self._state.shard.policy_hash)
        return [model.name for model in policy.models.values() if model.has_trainer] if policy is not None else []
