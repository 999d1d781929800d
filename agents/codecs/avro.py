"""Every record as Avro, framed: `encode_<record>` and `decode_<record>`, and the same by name of the schema."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from agents.codecs.errors import Undecodable
from agents.codecs.generated.activation import decode_activation, encode_activation
from agents.codecs.generated.contact_state import decode_contact_state, encode_contact_state
from agents.codecs.generated.dead_letter import decode_dead_letter, encode_dead_letter
from agents.codecs.generated.decision import decode_decision, encode_decision
from agents.codecs.generated.decision_note import decode_decision_note, encode_decision_note
from agents.codecs.generated.dispatch import decode_dispatch, encode_dispatch
from agents.codecs.generated.event import decode_event, encode_event
from agents.codecs.generated.model_version import decode_model_version, encode_model_version
from agents.codecs.generated.outcome import decode_outcome, encode_outcome
from agents.codecs.generated.proposal_batch import decode_proposal_batch, encode_proposal_batch
from agents.codecs.generated.raw_event import decode_raw_event, encode_raw_event
from agents.codecs.generated.request_batch import decode_request_batch, encode_request_batch
from agents.codecs.generated.reward import decode_reward, encode_reward
from agents.codecs.generated.routed_event import decode_routed_event, encode_routed_event
from agents.codecs.generated.switch import decode_switch, encode_switch
from agents.codecs.generated.tick import decode_tick, encode_tick
from agents.codecs.generated.training_example import decode_training_example, encode_training_example
from agents.codecs.prefix import event_from_raw, routed_from_raw

DECODERS: Final[dict[str, Callable[[bytes | None], Any]]] = {
    "raw_event": decode_raw_event,
    "event": decode_event,
    "routed_event": decode_routed_event,
    "tick": decode_tick,
    "request_batch": decode_request_batch,
    "proposal_batch": decode_proposal_batch,
    "decision": decode_decision,
    "decision_note": decode_decision_note,
    "activation": decode_activation,
    "outcome": decode_outcome,
    "reward": decode_reward,
    "training_example": decode_training_example,
    "dead_letter": decode_dead_letter,
    "model_version": decode_model_version,
    "dispatch": decode_dispatch,
    "contact_state": decode_contact_state,
    "switch": decode_switch,
}
ENCODERS: Final[dict[str, Callable[[Any], bytes]]] = {
    "raw_event": encode_raw_event,
    "event": encode_event,
    "routed_event": encode_routed_event,
    "tick": encode_tick,
    "request_batch": encode_request_batch,
    "proposal_batch": encode_proposal_batch,
    "decision": encode_decision,
    "decision_note": encode_decision_note,
    "activation": encode_activation,
    "outcome": encode_outcome,
    "reward": encode_reward,
    "training_example": encode_training_example,
    "dead_letter": encode_dead_letter,
    "model_version": encode_model_version,
    "dispatch": encode_dispatch,
    "contact_state": encode_contact_state,
    "switch": encode_switch,
}

__all__ = [
    "DECODERS",
    "ENCODERS",
    "Undecodable",
    "decode_activation",
    "decode_contact_state",
    "decode_dead_letter",
    "decode_decision",
    "decode_decision_note",
    "decode_dispatch",
    "decode_event",
    "decode_model_version",
    "decode_outcome",
    "decode_proposal_batch",
    "decode_raw_event",
    "decode_request_batch",
    "decode_reward",
    "decode_routed_event",
    "decode_switch",
    "decode_tick",
    "decode_training_example",
    "encode_activation",
    "encode_contact_state",
    "encode_dead_letter",
    "encode_decision",
    "encode_decision_note",
    "encode_dispatch",
    "encode_event",
    "encode_model_version",
    "encode_outcome",
    "encode_proposal_batch",
    "encode_raw_event",
    "encode_request_batch",
    "encode_reward",
    "encode_routed_event",
    "encode_switch",
    "encode_tick",
    "encode_training_example",
    "event_from_raw",
    "routed_from_raw",
]
