"""The part of the judge that holds the evidence of a decision against what the oracle rules."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.faults.case import FORMER, SEALED, evidence_of
from tests.oracle.ruling import WHOLE, Case, Oracle, Ruling

SHOWN_MAX: Final = 120  # characters of a value

# Names of the columns, in the order of the evidence; the sealed one comes last, with columns of its own.
COLUMNS: Final = (
    "decision_id", "policy_hash", "decision_point", "decided_at", "readings", "failed", "context_ppm", "fatigue_micro",
    "meta_ppm", "scored", "ev_micro", "cost_micro", "scores_micro", "feasible", "explored", "q", "u", "source",
    "chosen", "ghost", "deferred", "flags", "reason", "sealed",
)  # fmt: skip
PERSONAL: Final = (
    "profile_id", "zone", "bucket", "features", "consents", "suppressed", "cooldowns", "counts", "offers",
    "pressures_ppm", "shown", "released_at", "deferrals",
)  # fmt: skip


def opened(decision: dict[str, Any], key: bytes) -> list[Any] | None:
    """Return what is personal in the evidence; None if the person's key does not open it."""
    name = decision["decision_id"]
    nonce = hashlib.sha256(name.encode()).digest()[:12]
    try:
        plain = AESGCM(key).decrypt(nonce, evidence_of(decision)[SEALED], None)
    except (InvalidTag, ValueError):
        return None
    found: list[Any] = msgspec.msgpack.decode(plain)
    return [*found, [], 0] if decision["evidence"][:1] == FORMER else found


def compare_evidence(oracle: Oracle, case: Case, ruling: Ruling, decision: dict[str, Any], key: bytes) -> Iterator[str]:
    """Yield each column of the evidence that does not say what was ruled."""
    told = dict(zip(COLUMNS, evidence_of(decision), strict=True))
    failed = [_members(refused) for refused in told["failed"]]
    yield from _differences(told, _columns(ruling, case, decision))
    if len(failed) != len(oracle.filters):
        yield f"it has {len(failed)} filters, not {len(oracle.filters)}"
    wanted = dict(zip(oracle.filters, ruling.failed, strict=True))
    yield from _differences(dict(zip(oracle.filters, failed, strict=False)), wanted)
    personal = opened(decision, key)
    if personal is None:
        yield "what is personal is not sealed under the person's key"
        return
    found = dict(zip(PERSONAL, personal, strict=True))
    found["cooldowns"] = sorted(found["cooldowns"])
    yield from _differences(found, _personal(oracle, case, ruling))


def compare_head(
    oracle: Oracle, case: Case, ruling: Ruling, decision: dict[str, Any], activation_id: str
) -> Iterator[str]:
    """Yield each field of the head that does not say what was ruled."""
    chosen = oracle.candidates[ruling.chosen] if ruling.chosen >= 0 else None
    ghost = oracle.candidates[ruling.ghost] if ruling.ghost >= 0 else None
    winner = max(ruling.chosen, ruling.ghost, ruling.deferred)
    wanted = {
        "profile_id": case.profile_id, "decided_at": case.now, "source": ruling.source,
        "action": chosen.action["id"] if chosen else None, "treatment": chosen.treatment["id"] if chosen else None,
        "delivery_channel": chosen.channel if chosen else None, "activation_id": activation_id if chosen else None,
        "ghost_action": ghost.action["id"] if ghost else None, "reason": ruling.reason,
        "score_micro": ruling.terms[winner].score if winner >= 0 else 0,
        "q": ruling.chances[winner] if winner >= 0 else WHOLE, "u": ruling.u, "flags": ruling.flags,
    }  # fmt: skip
    yield from _differences(decision, wanted)


def _columns(ruling: Ruling, case: Case, decision: dict[str, Any]) -> dict[str, Any]:
    terms = ruling.terms
    return {
        "decision_id": case.decision_id, "policy_hash": decision["policy_hash"],
        "decision_point": decision["decision_point"], "decided_at": case.now,
        "context_ppm": ruling.contexts, "fatigue_micro": ruling.fatigues, "meta_ppm": ruling.meta,
        "scored": list(terms), "ev_micro": [one.ev for one in terms.values()],
        "cost_micro": [one.cost for one in terms.values()], "scores_micro": [one.score for one in terms.values()],
        "feasible": ruling.feasible, "explored": list(ruling.chances), "q": list(ruling.chances.values()),
        "u": ruling.u, "source": ruling.source, "chosen": ruling.chosen, "ghost": ruling.ghost,
        "deferred": ruling.deferred, "flags": ruling.flags, "reason": ruling.reason,
    }  # fmt: skip


def _personal(oracle: Oracle, case: Case, ruling: Ruling) -> dict[str, Any]:
    person, now = case.person, case.now
    held = ruling.bucket < oracle.bundle.holdout[1]
    consents = [person.consents.get(scope, (False, 0)) for scope in oracle.consents]
    return {
        "profile_id": case.profile_id, "zone": person.zone or oracle.bundle.zone, "bucket": ruling.bucket,
        "features": case.features, "consents": [[int(granted), at] for granted, at in consents],
        "suppressed": person.suppressed,
        "cooldowns": sorted(scope for scope, until in person.cooldowns.items() if until > now),
        "counts": ruling.counts,
        "offers": [
            [one.activation_id, one.action, one.group, one.line, one.price, one.intent, one.channel, one.state,
             one.until, int(one.ghost)]
            for one in oracle.binding(person, now, held=held)
        ],
        "pressures_ppm": ruling.pressures, "shown": ruling.shown, "released_at": ruling.released,
        "deferrals": case.deferrals,
    }  # fmt: skip


def _differences(found: dict[str, Any], wanted: dict[str, Any]) -> Iterator[str]:
    for name, value in wanted.items():
        if found[name] != value:
            yield f"{name} is {_shown(found[name])}, not {_shown(value)}"


def _shown(value: Any) -> str:
    text = str(value)
    return text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}…"


def _members(refused: Any) -> set[int]:
    """Return the candidates in a bitset: its bytes, the lowest first, or 0."""
    bits = int.from_bytes(refused, "little") if refused else 0
    return {place for place in range(bits.bit_length()) if bits >> place & 1}
