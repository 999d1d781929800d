"""Recomputes every decision of a run from its own record: the ids, the bytes, the chain, and what went out of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from agents.codecs.rows import decode_profile
from agents.vault import PersonalVault
from bench.verify import Wrong
from streams.decision import pack, replay, unpack
from streams.ids import chained
from streams.policy import Policy
from streams.records import Activation, Decision

GENESIS: Final = bytes(32)  # before a partition's first decision
PROFILE: Final = b"P"  # table


@dataclass(frozen=True)
class Found:
    """What decisions were like."""

    decisions: int
    scored: float  # candidates that reached scoring, on average
    acted: float  # share of the decisions with an action
    readings: Counter[str]  # answers that decisions saw, by status: ok | cold | error | missing
    row_bytes: int  # of the state that the run left behind, keys included


def check(
    policy: Policy,
    wanted: Iterable[str],
    decisions: Iterable[tuple[int, Decision]],
    activations: Iterable[Activation],
    rows: Mapping[bytes, bytes],
) -> Found:
    """Raise Wrong unless there is each wanted decision once, decided again to the same bytes, and its activation.

    `decisions` come with their partition, in the order of its log; `rows` are the state that the run left behind.
    """
    vault, chains, found = PersonalVault(), dict[int, bytes](), dict[str, Decision]()
    scored, readings = 0, Counter[str]()
    for partition, decision in decisions:
        name = decision.decision_id
        if name in found:
            raise Wrong(f"decision {name}: expected once; it is there twice")
        found[name] = decision
        if decision.previous_hash != chains.get(partition, GENESIS):
            raise Wrong(f"decision {name}: does not follow the one before it in partition {partition}")
        if decision.hash != chained(decision.previous_hash, decision.evidence):
            raise Wrong(f"decision {name}: its hash is not that of its evidence")
        chains[partition] = decision.hash
        key = decode_profile(rows[PROFILE + decision.profile_id.encode()]).key
        verdict = replay(policy, unpack(decision.evidence, partial(vault.open, key)))
        if pack(verdict, partial(vault.seal, key)) != decision.evidence:
            raise Wrong(f"decision {name}: decided again from its evidence, other bytes come out")
        scored += len(verdict.scored)
        readings.update(reading.status for reading in verdict.snapshot.readings)
    _check_ids(set(wanted), found)
    acted = {one.activation_id: name for name, one in found.items() if one.action is not None}
    _check_activations(acted, activations)
    row_bytes = sum(len(key) + len(row) for key, row in rows.items())
    return Found(len(found), scored / max(1, len(found)), len(acted) / max(1, len(found)), readings, row_bytes)


def _check_ids(wanted: set[str], found: Mapping[str, Decision]) -> None:
    for name in wanted - found.keys():
        raise Wrong(f"decision {name}: expected {len(wanted)} decisions; this one is missing")
    for name in found.keys() - wanted:
        raise Wrong(f"decision {name}: nothing asked for it")


def _check_activations(acted: Mapping[str | None, str], activations: Iterable[Activation]) -> None:
    left = dict(acted)
    for one in activations:
        if left.pop(one.activation_id, None) != one.decision_id:
            raise Wrong(f"activation {one.activation_id}: expected once and of its decision; came of {one.decision_id}")
    for name in left.values():
        raise Wrong(f"decision {name}: has an action and no activation")
