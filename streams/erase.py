"""Erasure: a person's key and everything we know of that person are deleted, and nothing of what is owed goes out.

What stays is what keeps an old record from coming in again: numbers made of the ids of events and decisions.  The
evidence of decisions stays too, for their chain; what is personal in it can be read no more, because its key is gone.
"""

from __future__ import annotations

from typing import Final

from streams.records import ContactState
from streams.rows import Profile
from streams.state import State

ERASURE: Final = "erasure_requested"  # the type of event that asks for it
EVERYTHING: Final = "global"


def erase(state: State, profile_id: str, person: Profile, zone: str, at: int) -> ContactState:
    """Forget a person; return what delivery channels are to be told."""
    state.profiles.put(profile_id, Profile(zone=zone, zone_source="policy", seen=person.seen, decided=person.decided))
    state.contacts.delete(profile_id)
    state.open_decisions.delete(profile_id)
    for name in state.timers.names_of(profile_id):
        state.deferrals.delete(name)
    for name in state.deadlines.names_of(profile_id):
        state.drop_round(name)
    return ContactState(profile_id, {}, [EVERYTHING], at)


def return_of(profile_id: str, at: int) -> ContactState:
    """Return what delivery channels are told of a person who comes back: nothing is known, and nothing forbidden."""
    return ContactState(profile_id, {}, [], at)
