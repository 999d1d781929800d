"""Timing: when a delivery channel may be used, and who proposes the best moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from streams.policy.candidates import Candidate, Seat
from streams.policy.channels import DeliveryChannel, QuietHours


@dataclass(frozen=True, slots=True)
class Timing:
    """What may move the release of these candidates: those of one class on one delivery channel."""

    channel_id: str
    klass: str
    candidates: int  # bitset
    quiet: QuietHours | None
    seat: int  # of the model that proposes the moment; -1 = none


def make_timings(
    candidates: Sequence[Candidate], channels: Mapping[str, DeliveryChannel], seats: Sequence[Seat]
) -> list[Timing]:
    """Return the timings of all candidates that can be moved at all.

    A model moves promotions only.  What is urgent (tier 0) passes quiet hours where they say so.
    """
    at = {seat.model.name: index for index, seat in enumerate(seats)}
    found: dict[tuple[str, str, bool], int] = {}
    for one in candidates:
        quiet, is_promo = channels[one.channel_id].quiet, one.klass == "promo"
        is_quiet = quiet is not None and not (one.tier == 0 and quiet.bypassable)
        if is_quiet or (is_promo and channels[one.channel_id].send_time in at):
            key = (one.channel_id, one.klass, is_quiet)
            found[key] = found.get(key, 0) | 1 << one.index
    return [
        Timing(
            channel_id, klass, mask, channels[channel_id].quiet if is_quiet else None,
            at.get(channels[channel_id].send_time, -1) if klass == "promo" else -1,
        )
        for (channel_id, klass, is_quiet), mask in sorted(found.items())
    ]  # fmt: skip
