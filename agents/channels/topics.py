"""Where a phase of a delivery channel is written, and what a process that starts finds there."""

from __future__ import annotations

from collections.abc import Iterable

from agents.channels.delivery import Phase
from agents.channels.ledger import Ledger
from agents.codecs.avro import (
    decode_activation,
    decode_dispatch,
    encode_activation,
    encode_dispatch,
    encode_raw_event,
)
from agents.committed import read_committed, wait_partitions
from agents.transactions import Written
from streams.partition import partition_of
from streams.records import Activation
from streams.topology import topic_name


class Topics:
    """The ledger and the unknown ones by activation, reports in the partition of their person."""

    def __init__(self, namespace: str, partitions: dict[str, int]) -> None:
        self._names = {noun: topic_name(namespace, noun) for noun in partitions}
        self._partitions = partitions

    @classmethod
    async def find(cls, servers: str, namespace: str) -> Topics:
        """Return them as soon as they exist; raises UserError."""
        nouns = ("dispatches", "unknown-dispatches", "raw-events")
        found = {noun: len(await wait_partitions(servers, topic_name(namespace, noun))) for noun in nouns}
        return cls(namespace, found)

    async def read_ledger(self, servers: str, delivery_channel: str) -> Ledger:
        """Return what the ledger of a delivery channel holds."""
        ledger = Ledger(delivery_channel)
        for record in (await read_committed(servers, self._names["dispatches"])).records:
            if record.value is not None:
                ledger.take(decode_dispatch(record.value))
        return ledger

    async def read_unknown(self, servers: str) -> list[Activation]:
        """Return the activations, of all delivery channels, whose fate is unknown."""
        found: dict[bytes, bytes] = {}
        for record in (await read_committed(servers, self._names["unknown-dispatches"])).records:
            if record.value is None:
                found.pop(record.key, None)
            else:
                found[record.key] = record.value
        return [decode_activation(value) for value in found.values()]

    def of(self, phase: Phase) -> Iterable[Written]:
        """Yield the records of a phase."""
        for entry in phase.entries:
            yield self._written("dispatches", entry.activation_id, encode_dispatch(entry))
        for activation_id in phase.forgotten:
            yield self._written("dispatches", activation_id, None)
        for activation in phase.kept:
            yield self._written("unknown-dispatches", activation.activation_id, encode_activation(activation))
        for activation_id in phase.resolved:
            yield self._written("unknown-dispatches", activation_id, None)
        for report in phase.reports:
            yield self._written("raw-events", report.profile_id, encode_raw_event(report))

    def _written(self, noun: str, key: str, value: bytes | None) -> Written:
        return Written(self._names[noun], partition_of(key, self._partitions[noun]), key.encode(), value)
