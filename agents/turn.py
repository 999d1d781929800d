"""Outputs of a step as Kafka records: encoded, keyed, stamped with their step, requests gathered in micro-batches."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Final

from agents.codecs.avro import (
    encode_activation,
    encode_contact_state,
    encode_dead_letter,
    encode_decision,
    encode_decision_note,
    encode_event,
    encode_outcome,
    encode_request_batch,
    encode_reward,
    encode_routed_event,
    encode_tick,
    encode_training_example,
    event_from_raw,
    routed_from_raw,
)  # fmt: skip
from agents.codecs.framing import header
from agents.transport.applier import Output as KafkaOutput
from streams.inputs import Output
from streams.partition import partition_of
from streams.records import Request, RequestBatch
from streams.topology import BY_NOUN, topic_name

STEP: Final = struct.Struct(">iq")  # partition, step
ITEMS_MAX: Final = 256  # of a micro-batch
ITEM_FEATURE_BYTES: Final = 10  # at most, of a feature that is a number
BATCH_BYTES_MAX: Final = 256 << 10
_RAW_EVENT: Final = header("raw_event")


class TooLarge(ValueError):
    """A record is larger than its topic takes."""


class Encoder:
    """Turns the outputs of one shard into Kafka records."""

    def __init__(self, namespace: str, partition: int, partitions: int) -> None:
        self._namespace: Final = namespace
        self._partition: Final = partition
        self._partitions: Final = partitions
        self._names: dict[tuple[str, str], str] = {}
        self._known: dict[tuple[str, str], tuple[str, Callable[[Output], bytes], int]] = {}  # by noun and model
        self._asked: dict[str, list[Request]] = {}  # by model, awaiting their batch
        self._step = -1
        self._headers: list[tuple[str, bytes]] = []

    def encode(self, output: Output) -> KafkaOutput | None:
        """Return the Kafka record of one output; None for a request, which waits for `batches`.

        Raises TooLarge.
        """
        if output.noun == "requests":
            self._asked.setdefault(output.model, []).append(output.record)
            return None
        noun = output.noun
        known = self._known.get((noun, output.model))
        if known is None:
            known = self._name(noun, output.model), _ENCODE[noun], BY_NOUN[noun].record_bytes_max
            self._known[noun, output.model] = known
        name, encode, limit = known
        value = encode(output)
        if len(value) > limit:
            message = f"{len(value)} bytes for {noun}, at most {limit}"
            raise TooLarge(message)
        key = output.key.encode() or None
        owner = partition_of(output.key, self._partitions) if noun == "routed-events" else None
        return name, owner, key, value, self._stamp(output.step)

    def batches(self, step: int, wall: int) -> list[KafkaOutput]:
        """Return what was asked since the last call, in micro-batches, in step order for each model."""
        found: list[KafkaOutput] = []
        for model, items in self._asked.items():
            size = min(ITEMS_MAX, max(1, BATCH_BYTES_MAX // (128 + ITEM_FEATURE_BYTES * len(items[0].features))))
            for at in range(0, len(items), size):
                value = encode_request_batch(RequestBatch(model, self._partition, wall, items[at : at + size]))
                found.append((self._name("requests", model), None, None, value, self._stamp(step)))
        self._asked = {}
        return found

    def forget(self) -> None:
        """Forget what was asked since the last call of `batches`."""
        self._asked = {}

    def _name(self, noun: str, model: str) -> str:
        name = self._names.get((noun, model))
        if name is None:
            name = self._names[noun, model] = topic_name(self._namespace, noun, model)
        return name

    def _stamp(self, step: int) -> list[tuple[str, bytes]]:
        if step != self._step:
            self._step = step
            self._headers = [("step", STEP.pack(self._partition, step))]
        return self._headers


def _event(output: Output) -> bytes:
    if output.raw is not None and output.raw.startswith(_RAW_EVENT):
        return event_from_raw(output.raw, output.record.accepted_at, output.record.alias)
    return encode_event(output.record)


def _routed(output: Output) -> bytes:
    if output.raw is not None and output.raw.startswith(_RAW_EVENT):
        return routed_from_raw(output.raw, output.record.origin, output.record.alias)
    return encode_routed_event(output.record)


def _plain(encode: Callable[[Any], bytes]) -> Callable[[Output], bytes]:
    return lambda output: encode(output.record)


_ENCODE: Final[dict[str, Callable[[Output], bytes]]] = {
    "events": _event,
    "routed-events": _routed,
    "decisions": _plain(encode_decision),
    "decision-notes": _plain(encode_decision_note),
    "activations": _plain(encode_activation),
    "contact-states": _plain(encode_contact_state),
    "outcomes": _plain(encode_outcome),
    "rewards": _plain(encode_reward),
    "retraining": _plain(encode_training_example),
    "barriers": _plain(encode_tick),
    "dead-letters": _plain(encode_dead_letter),
}
