"""Records: what stages say to each other and to the world; each one is an Avro schema of the same name in `schemas/`.

A record is never changed after it is made (slots without `frozen`: making one is the hot path, and freezing doubles its
cost).
Instants are epoch milliseconds, money is micro-units, probabilities are ppb unless the comment says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, field

Value = bool | int | float | str | None
Feature = bool | int | str | None  # what a condition and a model may see of a person


@dataclass(slots=True)
class RawEvent:
    """A fact as a producer tells it."""

    event_id: str
    profile_id: str
    type: str
    occurred_at: int
    source: str
    properties: dict[str, Value]
    consent: dict[str, bool] | None = None  # scope (delivery channel or purpose) -> granted, as of occurred_at
    traceparent: str | None = None


@dataclass(slots=True)
class Origin:
    """Where a record was read."""

    topic: str
    partition: int
    offset: int
    timestamp: int  # of the broker, wall time


@dataclass(slots=True)
class Event:
    """An accepted fact: the raw event's fields, then what ingest adds (so the raw body's bytes are a prefix of it)."""

    event_id: str
    profile_id: str  # canonical
    type: str
    occurred_at: int
    source: str
    properties: dict[str, Value]
    consent: dict[str, bool] | None
    traceparent: str | None
    accepted_at: int  # deployment's clock
    alias: str | None  # the profile_id it came under, where that was an alias


@dataclass(slots=True)
class RoutedEvent:
    """A raw event on its way to its owner's partition."""

    event: RawEvent
    origin: Origin
    alias: str | None


@dataclass(slots=True)
class Tick:
    """The deployment's clock of a history is at least this."""

    ticked_at: int


@dataclass(slots=True)
class Request:
    """One question to one model."""

    call_id: str
    round_id: str
    version: str
    asked_at: int  # deployment's clock
    deadline_at: int  # wall clock; 0 = none
    features: list[Feature]  # in the order of the model's declared inputs


@dataclass(slots=True)
class RequestBatch:
    """What one chunk asks of one model."""

    model: str
    reply_partition: int
    requested_at: int  # wall clock
    items: list[Request]


@dataclass(slots=True)
class Proposal:
    """A model worker's answer to one request."""

    call_id: str
    round_id: str
    version: str
    status: str  # ok | cold | error
    outputs: list[float]
    uncertainty: float | None = None
    cost_micro: int = 0
    latency_ms: int = 0


@dataclass(slots=True)
class ProposalBatch:
    """Answers of one model to (a part of) one request batch."""

    model: str
    items: list[Proposal]


@dataclass(slots=True)
class Decision:
    """The choice made, *no action* included: a flat head around the evidence."""

    decision_id: str
    profile_id: str
    decision_point: str
    trigger_type: str
    trigger_event_id: str
    trigger_occurred_at: int
    opened_at: int
    decided_at: int
    partition: int
    step: int
    policy_hash: str
    source: str  # best | explore | holdout | deferred | none
    action: str | None
    treatment: str | None
    delivery_channel: str | None
    activation_id: str | None
    ghost_action: str | None  # what a held-out person would have got
    reason: str | None  # why there is no action
    score_micro: int
    q: int  # selection probability of the choice, in 2**-32
    u: int  # the draw, 32 bits
    flags: list[str]  # degraded:<model>, prior:<model>, late …
    evidence: bytes  # canonical msgpack, version byte first
    previous_hash: bytes
    hash: bytes  # SHA-256(previous_hash | evidence)


@dataclass(slots=True)
class DecisionNote:
    """A fact about a decision that came after it."""

    decision_id: str
    profile_id: str
    kind: str  # late_answer | delivered | rejected | unknown | bounced | complained | deferral_dropped
    noted_at: int
    details: dict[str, str]


@dataclass(slots=True)
class Activation:
    """The instruction to deliver a treatment, idempotent by activation_id."""

    activation_id: str
    decision_id: str
    profile_id: str
    action: str
    treatment: str
    delivery_channel: str
    content: dict[str, str]
    decided_at: int
    release_at: int
    expires_at: int
    policy_hash: str
    traceparent: str | None


@dataclass(slots=True)
class Outcome:
    """What was observed afterwards, as the policy names it."""

    outcome_id: str
    profile_id: str
    type: str
    occurred_at: int
    event_id: str
    decision_id: str | None  # the decision it is credited to; None = organic
    activation_id: str | None
    category: str | None
    value_micro: int


@dataclass(slots=True)
class Reward:
    """The number that a decision earned so far, or for good."""

    reward_id: str
    decision_id: str
    profile_id: str
    outcome: str
    version: int
    status: str  # pending | final
    action: str
    ghost: bool
    q: int
    outcomes: int
    value_micro: int
    decided_at: int
    rewarded_at: int


@dataclass(slots=True)
class TrainingExample:
    """Features at decision time, the action, its selection probability and what followed."""

    example_id: str
    model: str
    version: str  # that answered; "" = none did
    decision_id: str
    profile_id: str
    key: str | None  # category the example is about, for models that answer by category
    action: str | None
    ghost: bool
    q: int
    features: list[Feature]
    output: float | None  # the model's own answer for key, before it could learn from this
    label: float
    decided_at: int
    final_at: int
    policy_hash: str


@dataclass(slots=True)
class DeadLetter:
    """A record refused, with its reason and its original bytes."""

    cause: str  # a word, `:`, a detail: `undecodable:wrong magic byte`
    detail: str
    origin: Origin
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]
    noted_at: int


@dataclass(slots=True)
class Calibrator:
    """Maps a model's output to a propensity: the output falls in a bin, the bin has a value."""

    calibrator_id: str
    edges_ppb: list[int]  # ascending upper edges, exclusive; one fewer than values
    values_ppb: list[int]


@dataclass(slots=True)
class ModelVersion:
    """A version of a model, the heartbeat of a process that serves one, or the release of a barrier by its trainer."""

    model: str
    version: str
    kind: str  # onnx | online | heartbeat | release
    trained_until: int  # of a release: the barrier
    published_at: int  # wall clock
    artefact: bytes  # weights; empty for a heartbeat and a release
    calibrator: Calibrator | None
    inputs: list[str]
    next_offsets: dict[str, int]  # "<topic>/<partition>" -> where its learner goes on
    metrics: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Dispatch:
    """One phase of one delivery, in the dispatch ledger of a delivery channel."""

    activation_id: str
    delivery_channel: str
    state: str  # intended | done
    noted_at: int


@dataclass(slots=True)
class ContactState:
    """By which ways a person may be contacted, as of the last event that changed it."""

    profile_id: str
    consents: dict[str, bool]  # scope (delivery channel or purpose) -> granted
    suppressed: list[str]  # channel:<id>, category:<id> or global
    stated_at: int  # deployment's clock


@dataclass(slots=True)
class Switch:
    """An operator's order to let nothing of something go out, or to let it go out again."""

    scope: str  # action:<id> or channel:<id>
    is_off: bool
    said_by: str
    reason: str
    said_at: int  # wall clock
