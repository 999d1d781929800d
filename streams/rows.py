"""Rows: what a shard keeps of a person. The only things that change in place, and only inside a step.

Rows are encoded as msgpack arrays of their fields in order (`agents/codecs/rows.py`), a version byte first; a field is
only ever added at the end, with a default.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from streams.records import Feature

TRAVEL_MS: Final = 36 * 3_600_000  # for so long the days of a zone that was left count as well


@dataclass(slots=True)
class Profile:
    """What we know of one person."""

    zone: str = ""  # IANA; "" = the policy's default
    zone_source: str = ""
    key: bytes = b""  # personal key that seals the evidence
    consents: dict[str, list[int]] = field(default_factory=dict)  # scope -> [granted 0 | 1, said at]
    suppressed: list[str] = field(default_factory=list)  # "global" | "channel:<id>" | "category:<id>"
    seen: dict[int, int] = field(default_factory=dict)  # 8-byte hash of (source, event_id) -> accepted at, oldest first
    series: dict[str, Any] = field(default_factory=dict)  # what features are computed from, as streams/profile.py says
    decided: dict[int, int] = field(default_factory=dict)  # number of a decision's id -> opened at, oldest first
    left: list[list[Any]] = field(default_factory=list)  # [zone, when it was left], oldest first: of the last moves


@dataclass(slots=True)
class Contacts:
    """Contact history as columns, oldest first, with the live-offer ledger, cool-downs and pressure."""

    at: list[int] = field(default_factory=list)
    channel: list[str] = field(default_factory=list)
    category: list[str] = field(default_factory=list)
    intent: list[str] = field(default_factory=list)
    action: list[str] = field(default_factory=list)
    klass: list[str] = field(default_factory=list)  # promo | transactional
    activation_id: list[str] = field(default_factory=list)
    lease_until: list[int] = field(default_factory=list)  # 0 = delivered, for good; else counted only before it
    ghost: list[int] = field(default_factory=list)  # 1 = a shadow contact of a held-out person
    offers: list[Offer] = field(default_factory=list)
    cooldowns: list[list[Any]] = field(default_factory=list)  # [scope, until]
    pressure: dict[str, list[int]] = field(default_factory=dict)  # delivery channel -> [ppm, as of]


@dataclass(slots=True)
class Offer:
    """One row of the live-offer ledger."""

    activation_id: str
    action: str
    group: str
    line: str
    price: str  # list | discount:<depth_bp>
    intent: str
    channel: str
    state: str  # reserved | live | redeemed | expired | retracted
    until: int
    ghost: int


@dataclass(slots=True)
class Answer:
    """A model's answer as the shard keeps it: quantised once, at intake."""

    version: str
    status: str  # ok | cold | error | missing
    outputs: list[int]  # ppb for a propensity, micro for an amount
    cost_micro: int = 0
    latency_ms: int = 0


@dataclass(slots=True)
class Round:
    """One open decision."""

    round_id: str  # = its decision_id
    profile_id: str
    decision_point: str
    policy_hash: str
    trigger_event_id: str
    trigger_type: str
    trigger_occurred_at: int
    trigger_topic: str
    trigger_partition: int
    trigger_offset: int
    traceparent: str | None
    opened_at: int  # deployment's clock
    opened_wall_at: int
    deadline_wall_at: int
    features: list[Feature]
    calls: dict[str, str] = field(default_factory=dict)  # call_id -> model, still awaited
    answers: dict[str, Answer] = field(default_factory=dict)  # by model
    closed_at: int = 0  # wall clock; a round that closed without an answer is kept for an hour, to know a late one
    family: str = ""  # the first decision of those that were put off; "" = this one
    deferrals: int = 0  # how many there were before this one


@dataclass(slots=True)
class Deferral:
    """What was decided and may not go out before an instant."""

    profile_id: str
    release_at: int  # deployment's clock
    decision_point: str = ""
    family: str = ""  # the first of the decisions that were put off
    number: int = 0  # of this deferral
    traceparent: str = ""
    activation: list[Any] = field(default_factory=list)  # that is sent then as it is; empty = it is decided again


@dataclass(slots=True)
class OpenDecision:
    """A decision whose outcomes are still awaited."""

    decision_id: str
    decision_point: str
    activation_id: str  # "" = none went out and none would have
    action: str  # "" = none
    category: str  # that its labels are about
    delivery_channel: str
    ghost: int
    q: int
    policy_hash: str
    decided_at: int
    delivered_at: int  # 0 = not yet
    until: int  # window + lateness
    features: list[Feature]
    versions: dict[str, str]  # model -> version that answered
    outputs: dict[str, int]  # model -> its output for category, ppb or micro
    labels: dict[str, list[int]] = field(default_factory=dict)  # model -> [what followed, when], once something did
    touches: list[list[Any]] = field(default_factory=list)  # [outcome, outcome_id, occurred_at, value_micro]
    rewarded: dict[str, int] = field(default_factory=dict)  # outcome -> rewards told of it so far


@dataclass(slots=True)
class OpenDecisions:
    """The open decisions of one person, oldest first."""

    decisions: list[OpenDecision] = field(default_factory=list)


@dataclass(slots=True)
class Alias:
    """The canonical profile_id an alias stands for."""

    profile_id: str
    linked_at: int


@dataclass(slots=True)
class ModelRow:
    """What a shard knows of one model."""

    versions: list[list[Any]] = field(default_factory=list)
    """[trained_until, version, calibrator_id ("" = none), edges, values, layout of its inputs], oldest first."""

    alive_until: int = 0  # wall time up to which its heartbeat vouches for it
    released: int = 0  # lockstep: the last barrier that its trainer has released


@dataclass(slots=True)
class ShardRow:
    """What a shard knows beside its people and its models."""

    clock: int = 0  # largest accepted event time (history)
    policy_hash: str = ""
    chain: bytes = bytes(32)  # hash of the last decision
    complete_from: dict[str, int] = field(default_factory=dict)  # series -> since when it has no gap (switch_series)
    barrier: int = 0  # lockstep: the last one that it said
    off: list[str] = field(default_factory=list)  # scopes of which nothing goes out: action:<id>, channel:<id>; sorted
