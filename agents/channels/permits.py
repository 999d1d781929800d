"""What keeps a decided activation from going out by one delivery channel, as far as has been heard.

Only what refuses is kept: a person of whom nothing is said is one whose decision knew better.
"""

from __future__ import annotations

from typing import Final

from streams.policy import Policy
from streams.records import Activation, ContactState, Switch


class Permits:
    """Switches, consents and suppressions, for one delivery channel."""

    def __init__(self, delivery_channel: str, policy: Policy) -> None:
        self._delivery_channel: Final = delivery_channel
        self._consent: Final = policy.channels[delivery_channel].consent
        self._categories: Final = {action.id: action.category for action in policy.actions}
        self._refusing: Final[dict[str, frozenset[str]]] = {}  # profile_id -> scopes it does not consent to, suppressed
        self._off: Final[set[str]] = set()

    @property
    def is_paused(self) -> bool:
        """Whether nothing of the delivery channel goes out: what is owed waits until that ends."""
        return f"channel:{self._delivery_channel}" in self._off

    def refuse(self, activation: Activation) -> str:
        """Return why an activation must not go out, "" if it may."""
        if f"action:{activation.action}" in self._off:
            return "killed"
        refusing = self._refusing.get(activation.profile_id)
        if not refusing:
            return ""
        if self._consent and f"consent:{self._consent}" in refusing:
            return "consent"
        scopes = {"global", f"channel:{self._delivery_channel}", f"category:{self._categories.get(activation.action)}"}
        return "suppression" if scopes & refusing else ""

    def take_state(self, state: ContactState) -> None:
        """Take by which ways a person may be contacted."""
        refused = [f"consent:{scope}" for scope, granted in state.consents.items() if not granted]
        if refused or state.suppressed:
            self._refusing[state.profile_id] = frozenset([*refused, *state.suppressed])
        else:
            self._refusing.pop(state.profile_id, None)

    def take_switch(self, switch: Switch) -> None:
        """Take an operator's order."""
        if switch.is_off:
            self._off.add(switch.scope)
        else:
            self._off.discard(switch.scope)
