"""Stages 1 and 2 in one shard: an event is taken where its person lives, and sent on from where he does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from streams import ingest, profile
from streams.clock import Clock
from streams.erase import ERASURE, erase, return_of
from streams.ids import fingerprint
from streams.inputs import Original, RawInput, RefusedInput, RoutedInput, Setting, Vault
from streams.outbox import Outbox
from streams.outcomes import Outcomes
from streams.policy import Policy
from streams.records import RawEvent, RoutedEvent
from streams.rounds import Rounds
from streams.rows import Alias, Profile
from streams.state import State


class Intake:
    """Takes events, and does all that follows from one."""

    def __init__(
        self,
        state: State,
        policies: Mapping[str, Policy],
        vault: Vault,
        setting: Setting,
        out: Outbox,
        clock: Clock,
        rounds: Rounds,
        outcomes: Outcomes,
    ) -> None:
        self._state: Final = state
        self._policies: Final = policies
        self._vault: Final = vault
        self._setting: Final = setting
        self._out: Final = out
        self._clock: Final = clock
        self._rounds: Final = rounds
        self._outcomes: Final = outcomes

    def take_raw(self, given: RawInput, wall: int) -> None:
        """Take a record of `raw-events`: whoever produced it chose the partition."""
        raw, original, state = given.event, given.original, self._state
        alias = state.aliases.get(raw.profile_id)
        is_home = raw.profile_id in state.profiles or self._setting.owns(raw.profile_id)
        if not ingest.is_name(raw.profile_id) or (alias is None and is_home):
            self._take_event(raw, original, None, wall)
        else:
            self._forward(raw, original, alias)

    def take_routed(self, given: RoutedInput, wall: int) -> None:
        """Take an event that another partition has sent to its owner."""
        routed = given.event
        alias = self._state.aliases.get(routed.event.profile_id) if routed.alias is None else None
        if alias is None:
            self._take_event(routed.event, given.original, routed.alias, wall)
        else:
            self._forward(routed.event, given.original, alias)

    def refuse(self, given: RefusedInput, _wall: int) -> None:
        """Park bytes that are no record of their topic."""
        self._out.step += 1
        self._out.refuse(given.original, given.cause, given.detail, is_event=given.is_event)

    def _take_event(self, raw: RawEvent, original: Original, alias: str | None, wall: int) -> None:
        """Ingest an event that is at home here, then do all that follows from it."""
        state, out = self._state, self._out
        policy = self._policies[state.shard.policy_hash]
        try:
            ingest.check_identity(raw)
            kind, properties = ingest.check(raw, policy.events, self._clock.now(wall), live=self._setting.live)
        except ingest.Refused as refused:
            out.step += 1
            out.refuse(original, refused.cause, refused.detail, is_event=True)
            return
        person = state.profiles.get(raw.profile_id)
        identity = fingerprint(raw.source, raw.event_id)
        if self._repeats(person, identity) or self._clock.passes(raw.occurred_at, wall):
            return
        out.step += 1
        clock = self._clock.now(wall)
        if person is None:
            person = Profile(zone=policy.zone, zone_source="policy", key=self._vault.new_key(raw.profile_id))
        if not ingest.take(person, identity, clock):
            out.count("seen_overflow")
        said = ingest.accept(raw, raw.properties, clock, alias)
        out.put("events", raw.profile_id, said, raw=original.verbatim if alias is None else None)
        out.count("records", "accepted")
        out.count("events", said.source)
        event = ingest.accept(raw, properties, clock, alias)
        if event.type == ERASURE:
            out.state(erase(state, event.profile_id, person, policy.zone, clock))
            out.count("erasures")
            return
        if not person.key:
            person.key = self._vault.new_key(event.profile_id)
            out.state(return_of(event.profile_id, clock))
        out.state(profile.restate(person, event, policy.features))
        state.profiles.put(event.profile_id, person)
        canonical = str(properties[kind.links]) if kind.links else event.profile_id
        if canonical != event.profile_id:
            state.aliases.put(event.profile_id, Alias(canonical, clock))
        if event.source == ingest.IMPORT:
            return  # what was known before: nothing that happens now
        if event.type in ingest.REPORTS:
            self._outcomes.settle_contact(event)
        else:
            self._outcomes.observe(event, policy)
        for point in policy.points_by_trigger.get(event.type, ()):
            self._rounds.trigger(point, policy, event, person, original.origin, wall)

    def _forward(self, raw: RawEvent, original: Original, alias: Alias | None) -> None:
        """Send an event to its owner's partition; one hop leads to the person that an alias stands for."""
        known = self._state.profiles.get(raw.profile_id)  # from before it was an alias
        if self._repeats(known, fingerprint(raw.source, raw.event_id)):
            return
        self._out.step += 1
        self._out.count("records", "forwarded")
        owner, known_as = (raw.profile_id, None) if alias is None else (alias.profile_id, raw.profile_id)
        routed = RoutedEvent(replace(raw, profile_id=owner), original.origin, known_as)
        self._out.put("routed-events", owner, routed, raw=None if known_as else original.verbatim)

    def _repeats(self, person: Profile | None, identity: int) -> bool:
        """Tell whether an event was accepted before; then that is all that becomes of it."""
        if person is None or identity not in person.seen:
            return False
        self._out.step += 1
        self._out.count("records", "duplicate")
        return True
