"""Stages 6 and 7 in one shard: what came of its decisions, from the first report to the last reward and its lesson."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from streams import attribute, retrain
from streams.decision import effects
from streams.outbox import Outbox
from streams.policy import Policy
from streams.records import Event
from streams.rows import Contacts, OpenDecisions
from streams.state import State, Timer


class Outcomes:
    """Follows open decisions until their windows close."""

    def __init__(self, state: State, policies: Mapping[str, Policy], out: Outbox) -> None:
        self._state: Final = state
        self._policies: Final = policies
        self._out: Final = out

    def observe(self, event: Event, policy: Policy) -> None:
        """Note what an event is to the decisions that await it."""
        state = self._state
        row = state.open_decisions.get(event.profile_id) or OpenDecisions()
        contacts = state.contacts.get(event.profile_id) or Contacts()
        changed = False
        if attribute.observe(row, event, self._policies):
            state.open_decisions.put(event.profile_id, row)
            for outcome in attribute.outcomes_of(row, event, policy):
                self._out.put("outcomes", event.profile_id, outcome)
                for reward in attribute.pending(row, outcome):
                    self._out.put("rewards", event.profile_id, reward)
                    self._out.count("rewards", reward.status)
                if policy.outcomes[outcome.type].match_category and outcome.activation_id:
                    changed |= effects.redeem(contacts, outcome.activation_id)
        for kind in policy.outcomes_by_event.get(event.type, ()):
            category = str(event.properties.get(kind.category_property))
            changed |= effects.cool_down(contacts, kind, category, event.occurred_at)
        if changed:
            state.contacts.put(event.profile_id, contacts)

    def settle_contact(self, event: Event) -> None:
        """Take in what a delivery channel reports of an activation."""
        state = self._state
        activation_id, decision_id = str(event.properties["activation_id"]), str(event.properties["decision_id"])
        kind = event.type.removeprefix("activation_")
        contacts = state.contacts.get(event.profile_id)
        if contacts is not None and effects.settle(contacts, activation_id, kind, event.occurred_at):
            state.contacts.put(event.profile_id, contacts)
        row = state.open_decisions.get(event.profile_id)
        if row is not None and kind == "delivered" and attribute.deliver(row, activation_id, event.occurred_at):
            state.open_decisions.put(event.profile_id, row)
        self._out.note(decision_id, event.profile_id, kind, event.occurred_at, {"activation_id": activation_id})

    def close_window(self, timer: Timer) -> None:
        """Settle a decision whose time has come: its rewards are final, and models learn from it."""
        _, decision_id, profile_id = timer
        row = self._state.open_decisions.get(profile_id) or OpenDecisions()
        opened = next((one for one in row.decisions if one.decision_id == decision_id), None)
        if opened is None:
            return
        self._out.step += 1
        policy = self._policies[opened.policy_hash]
        for reward in attribute.settle(row, opened, profile_id, policy):
            self._out.put("rewards", profile_id, reward)
            self._out.count("rewards", reward.status)
        for example in retrain.examples(opened, profile_id, policy):
            self._out.put("retraining", profile_id, example, example.model)
            self._out.count("examples", example.model)
        self._state.keep_open_decisions(profile_id, row)
