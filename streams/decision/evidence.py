"""Evidence: a verdict as canonical bytes, the person's part of it sealed.

A version byte, then a msgpack array in the order below.  Everything that is personal data stands in one slot, encrypted
under the person's key: to erase a person is to delete that key, and the bytes (so the hash chain over them) stay as
they are.  The seal must be deterministic: the same person, verdict and decision_id give the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from streams.decision.verdict import Reading, Snapshot, Verdict
from streams.rows import Offer

VERSION: Final = 2

READINGS: Final = 4  # places in the array
FAILED: Final = 5
FLAGS: Final = 21
SEALED: Final = 23
OFFERS: Final = 8  # place in the sealed slot
ERASED: Final[tuple[Any, ...]] = ("", "", 0, [], [], [], [], [], [], [], {}, [], 0)  # what it reads as without its key

Seal = Callable[[bytes, str], bytes]  # (plaintext or sealed, decision_id)

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder().decode
_PREFIX: Final = bytes([VERSION])


class EvidenceUnreadable(Exception):
    """These bytes are no evidence that this version reads."""


def pack(verdict: Verdict, seal: Seal) -> bytes:
    """Return the evidence of a verdict."""
    seen = verdict.snapshot
    personal = _encode((
        seen.profile_id, seen.zone, seen.bucket, seen.features, seen.consents, seen.suppressed, seen.cooldowns,
        seen.counts, [_offer(offer) for offer in seen.offers], seen.pressures_ppm, verdict.shown,
        seen.released_at, seen.deferrals,
    ))  # fmt: skip
    return _PREFIX + _encode((
        verdict.decision_id, verdict.policy_hash, verdict.decision_point, verdict.decided_at,
        [_reading(reading) for reading in seen.readings],
        [refused and refused.to_bytes((refused.bit_length() + 7) >> 3, "little") for refused in verdict.failed],
        verdict.context_ppm, verdict.fatigue_micro, verdict.meta_ppm, verdict.scored, verdict.ev_micro,
        verdict.cost_micro, verdict.scores_micro, verdict.feasible, verdict.explored, verdict.q, verdict.u,
        verdict.source, verdict.chosen, verdict.ghost, verdict.deferred, verdict.flags, verdict.reason,
        seal(personal, verdict.decision_id),
    ))  # fmt: skip


def unpack(evidence: bytes, unseal: Seal | None) -> Verdict:
    """Return the verdict; without `unseal` (the person's key is gone) what is personal in it reads as empty."""
    if evidence[:1] != _PREFIX:
        raise EvidenceUnreadable(f"expected version {VERSION}, got {evidence[:1].hex() or 'nothing'}")
    try:
        told = _decode(evidence[1:])
        personal = _decode(unseal(told[SEALED], told[0])) if unseal else ERASED
        offers = [Offer(*offer) for offer in personal[OFFERS]]
        readings = [Reading(*reading) for reading in told[READINGS]]
        seen = [*personal[:OFFERS], offers, *personal[OFFERS + 1 :], readings]
        snapshot = Snapshot(*seen)
        failed = [int.from_bytes(refused, "little") if refused else 0 for refused in told[FAILED]]
        found = [*told[:READINGS], snapshot, failed, *told[FAILED + 1 : FLAGS], snapshot.shown, *told[FLAGS:SEALED]]
        return Verdict(*found)
    except (ValueError, TypeError, LookupError, RecursionError, msgspec.MsgspecError) as error:
        raise EvidenceUnreadable(f"expected the evidence of a decision, got other bytes ({error})") from error


def _offer(o: Offer) -> tuple[str | int, ...]:
    return (o.activation_id, o.action, o.group, o.line, o.price, o.intent, o.channel, o.state, o.until, o.ghost)


def _reading(r: Reading) -> tuple[object, ...]:
    return (r.model, r.version, r.status, r.calibrator_id, r.outputs, r.propensities_ppb, r.cost_micro, r.latency_ms)
