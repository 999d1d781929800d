"""The one table of stages, topics and tables.

The README's diagram, `docs/stream.md`, the creation of topics and several tests come from here.
A topic is written `continuo.<plural-noun>.v<major>`; the first word is the deployment's namespace.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

HOUR_S: Final = 3_600
DAY_S: Final = 24 * HOUR_S
KIB: Final = 1 << 10
MIB: Final = 1 << 20
FOREVER: Final = -1


@dataclass(frozen=True)
class Stage:
    """One of the seven stages: a verb, what goes in, what comes out, what it promises."""

    number: int
    verb: str
    promise: str
    reads: str
    writes: str
    keeps: str
    never: str


@dataclass(frozen=True)
class Topic:
    """One topic; `per_model` topics exist once for each model of the policy (`requests.<model>`)."""

    noun: str
    key: str  # what its records are keyed by; "" = explicit partition
    schema: str  # name of the Avro schema; "" = not a contract topic
    written_by: str
    read_by: str
    source: bool = False  # a Faust agent of the worker reads it
    control: bool = False  # one partition, read whole by every shard, outside the group
    per_model: bool = False
    compacted: bool = False
    retention_s: int = 7 * DAY_S
    record_bytes_max: int = MIB


@dataclass(frozen=True)
class Table:
    """One table of a shard's state; its rows live in the changelog under `code` + key."""

    name: str
    code: bytes
    key: str
    keeps: str


STAGES: Final = (
    Stage(1, "ingest", "one fact once, typed, keyed by the person", "raw records from producers", "Event, DeadLetter",
          "ids seen (24 h), aliases", "accepts what it cannot explain"),
    Stage(2, "profile", "what we know of a person, folded from facts", "Event, policy", "Profile",
          "features, consents", "reads the clock"),
    Stage(3, "propose", "ask the right models, wait no longer than the deadline", "Profile, Proposal, time",
          "Request, Round", "open rounds", "waits when every answer is there"),
    Stage(4, "arbitrate", "one closed round in, one decision out", "Round, Profile, contacts, policy", "Decision",
          "contacts (what we sent, when)", "chooses without recording why"),
    Stage(5, "activate", "one instruction per decision, never twice", "Decision", "Activation",
          "leases on contacts and offers", "acts for a ghost"),
    Stage(6, "attribute", "the credit to the decision that earned it", "Event, open decisions", "Outcome, Reward",
          "open decisions, until their windows close", "calls a reward final before its time"),
    Stage(7, "retrain", "what we learned goes back to the models", "closed open decisions", "TrainingExample",
          "nothing", "shows a model what was not known when it answered"),
)  # fmt: skip

TOPICS: Final = (
    Topic("raw-events", "ignored", "raw_event", "producers, delivery channels", "worker", source=True),
    Topic("routed-events", "profile_id", "routed_event", "worker", "worker", source=True),
    Topic("proposals", "", "proposal_batch", "model workers", "worker", source=True),
    Topic("ticks", "", "tick", "feeders", "worker", source=True),
    Topic("policies", "bundle/<hash>, current", "", "continuo run, continuo demo", "worker", source=True, control=True,
          compacted=True, retention_s=FOREVER),
    Topic("models", "model/version", "model_version", "trainers", "worker, model workers", source=True, control=True,
          compacted=True, retention_s=FOREVER, record_bytes_max=8 * MIB),
    Topic("switches", "scope", "switch", "continuo kill, continuo channel", "worker, delivery channels", source=True,
          control=True, retention_s=FOREVER),
    Topic("events", "profile_id", "event", "worker", "anyone"),
    Topic("requests", "", "request_batch", "worker", "model workers", per_model=True, retention_s=DAY_S),
    Topic("decisions", "profile_id", "decision", "worker", "anyone", retention_s=30 * DAY_S),
    Topic("decision-notes", "profile_id", "decision_note", "worker", "anyone", retention_s=30 * DAY_S),
    Topic("activations", "profile_id", "activation", "worker", "delivery channels"),
    Topic("contact-states", "profile_id", "contact_state", "worker", "delivery channels", compacted=True,
          retention_s=FOREVER),
    Topic("outcomes", "profile_id", "outcome", "worker", "anyone", retention_s=30 * DAY_S),
    Topic("rewards", "profile_id", "reward", "worker", "anyone", retention_s=30 * DAY_S),
    Topic("retraining", "profile_id", "training_example", "worker", "trainers", per_model=True, retention_s=30 * DAY_S),
    Topic("barriers", "", "tick", "worker", "trainers", retention_s=FOREVER),  # in lockstep only: one a stream-day
    Topic("dead-letters", "", "dead_letter", "worker", "operators", retention_s=30 * DAY_S, record_bytes_max=2 * MIB),
    Topic("dispatches", "activation_id", "dispatch", "delivery channels", "delivery channels", compacted=True,
          retention_s=FOREVER),
    Topic("unknown-dispatches", "activation_id", "activation", "delivery channels", "delivery channels", compacted=True,
          retention_s=FOREVER),
    Topic("changelog", "table byte + key", "", "worker", "worker", compacted=True, retention_s=FOREVER),
)  # fmt: skip

TABLES: Final = (
    Table("profiles", b"P", "profile_id", "features, consents, suppressions, ids seen, time zone"),
    Table("rounds", b"R", "round_id", "open rounds: trigger, snapshot, answers so far, deadline"),
    Table(
        "contacts", b"C", "profile_id", "contacts, leases, live offers, cool-downs, pressure; shadows of the held-out"
    ),
    Table("open_decisions", b"O", "profile_id", "decisions whose outcomes are still awaited, at most 50 a person"),
    Table(
        "deferrals",
        b"D",
        "decision or activation",
        "what was decided and may not go out yet: a round to be opened again, or an activation",
    ),
    Table("aliases", b"A", "alias", "the profile_id an alias stands for"),
    Table("models", b"M", "model", "its versions with their calibrators, its heartbeat, the barrier released"),
    Table("shard", b"S", "", "clock, policy hash, chain hash, barrier"),
)

BY_NOUN: Final = {topic.noun: topic for topic in TOPICS}


def topic_name(namespace: str, noun: str, model: str = "") -> str:
    """Return the full name of a topic: ("continuo", "requests", "lapse") is `continuo.requests.lapse.v1`."""
    middle = f"{noun}.{model}" if model else noun
    return f"{namespace}.{middle}.v1"
