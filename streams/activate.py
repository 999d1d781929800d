"""Stage 5 of 7 — activate: one instruction per decision, never twice.

Reads   Decision.                        Writes  Activation.
Keeps   leases on contacts and offers.   Never   acts for a ghost.
"""

from __future__ import annotations

from typing import Final

from streams.ids import derive
from streams.policy import Candidate
from streams.records import Activation
from streams.rows import Round

DAY_MS: Final = 86_400_000


def activation_id(opened: Round, slot: str) -> str:
    """Return the id of what goes out for this round in this slot; the delivery channel is not part of it."""
    return derive("activation", opened.family or opened.round_id, slot, str(opened.deferrals))


def activate(
    opened: Round, name: str, candidate: Candidate, lease_ms: int, decided_at: int, release_at: int
) -> Activation:
    """Return the instruction to deliver the chosen treatment: while its offer lasts, or else its lease on a contact.

    name: its activation_id.
    """
    expires_at = min(release_at + (candidate.offer_days * DAY_MS or lease_ms), candidate.valid_to)
    return Activation(
        name, opened.round_id, opened.profile_id, candidate.action_id,
        candidate.treatment_id, candidate.channel_id, candidate.content, decided_at, release_at, expires_at,
        opened.policy_hash, opened.traceparent,
    )  # fmt: skip
