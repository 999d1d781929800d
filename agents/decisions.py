"""Finds one decision again, with what came after it and the key that opens it: all from committed topics."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final, TypeVar

from aiokafka import ConsumerRecord

from agents.codecs.avro import decode_decision, decode_decision_note, decode_reward
from agents.codecs.errors import Undecodable
from agents.codecs.rows import decode_alias, decode_profile
from agents.committed import scan_committed, wait_partitions
from agents.errors import UserError
from streams.partition import partition_of
from streams.records import Decision, DecisionNote, Reward
from streams.topology import TABLES, topic_name

Progress = Callable[[str, float], None]  # topic, how much of it is read, 0 to 1
T = TypeVar("T")

CODES: Final = {table.name: table.code for table in TABLES}
NAMES: Final = {table.code: table.name for table in TABLES}


@dataclass(frozen=True)
class Found:
    """A decision, and what else the topics say of it."""

    decision: Decision
    notes: list[DecisionNote]  # oldest first
    rewards: list[Reward]  # the last one said of each outcome
    key: bytes  # the person's; b"" = there is none any more


class Archive:
    """The committed topics of a deployment, for whoever looks for a decision."""

    def __init__(self, servers: str, namespace: str, progress: Progress) -> None:
        """Read from these brokers; `progress` is told as reading goes on."""
        self._servers: Final = servers
        self._namespace: Final = namespace
        self._progress: Final = progress

    async def find(self, decision_id: str) -> Found | None:
        """Return the decision of that id, or None; all partitions are read, until it turns up."""
        async with aclosing(self.said("decisions", decode_decision, decision_id)) as decisions:
            async for decision in decisions:
                if decision.decision_id == decision_id:
                    return await self._joined(decision)
        return None

    async def find_last(self, profile_id: str, at: int | None) -> Found | None:
        """Return the last decision about a person, made at or before `at` (epoch ms, deployment's clock), or None.

        A name that is only an alias is followed to its person.
        """
        decision = await self._last(profile_id, at)
        if decision is None and (canonical := await self.canonical(profile_id)) != profile_id:
            decision = await self._last(canonical, at)
        return await self._joined(decision) if decision is not None else None

    async def _last(self, profile_id: str, at: int | None) -> Decision | None:
        last: Decision | None = None
        async with aclosing(self.said("decisions", decode_decision, profile_id, of=profile_id)) as decisions:
            async for decision in decisions:
                is_theirs = decision.profile_id == profile_id and (at is None or decision.decided_at <= at)
                if is_theirs and (last is None or decision.decided_at >= last.decided_at):
                    last = decision
        return last

    async def _joined(self, decision: Decision) -> Found:
        person, one = decision.profile_id, decision.decision_id
        notes = [note async for note in self.said("decision-notes", decode_decision_note, one, of=person)]
        rewards = [reward async for reward in self.said("rewards", decode_reward, one, of=person)]
        last = {reward.outcome: reward for reward in rewards if reward.decision_id == one}
        row = await self.row("profiles", person)
        key = decode_profile(row).key if row else b""
        return Found(decision, [note for note in notes if note.decision_id == one], [*last.values()], key)

    async def said(
        self, noun: str, decode: Callable[[bytes], T], containing: str, of: str | None = None
    ) -> AsyncGenerator[T, None]:
        """Yield the records of a topic whose bytes contain a text, of all people or of the partition of one."""
        async with aclosing(self.placed(noun, decode, containing, of)) as found:
            async for _, told in found:
                yield told

    async def placed(
        self, noun: str, decode: Callable[[bytes], T], containing: str, of: str | None = None, model: str = ""
    ) -> AsyncGenerator[tuple[ConsumerRecord[bytes, bytes], T], None]:
        """Yield the same with the records in which they stand; model: of a topic that each model has for itself."""
        needle = containing.encode()
        async with aclosing(self._records(noun, of, model)) as records:
            async for record in records:
                if record.value is None or needle not in record.value:
                    continue
                try:
                    yield record, decode(record.value)
                except Undecodable as error:
                    place = f"{record.topic}/{record.partition} at {record.offset}"
                    raise UserError(f"{place} cannot be read: {error}; was it written by a later version?") from error

    async def canonical(self, profile_id: str) -> str:
        """Return the person that a name stands for: the name itself, unless it is only an alias."""
        alias = await self.row("aliases", profile_id)
        return decode_alias(alias).profile_id if alias else profile_id

    async def row(self, table: str, key: str, of: str | None = None) -> bytes | None:
        """Return the last row of that key, None if it was never there or is deleted; of: in whose shard."""
        wanted = CODES[table] + key.encode()
        row: bytes | None = None
        async with aclosing(self._records("changelog", of or key)) as records:
            async for record in records:
                if record.key == wanted:
                    row = record.value
        return row

    async def rows(self, profile_id: str) -> dict[tuple[str, str], bytes]:
        """Return the rows that a person's shard keeps under their name, or that name them, by table and key."""
        name = profile_id.encode()
        found: dict[tuple[str, str], bytes] = {}
        async with aclosing(self._records("changelog", profile_id)) as records:
            async for record in records:
                table = NAMES.get((record.key or b"")[:1])
                if table is None:
                    continue  # the shard's position
                place = (table, record.key[1:].decode())
                if record.value is not None and (place[1] == profile_id or name in record.value):
                    found[place] = record.value
                else:
                    found.pop(place, None)
        return found

    async def _records(
        self, noun: str, of: str | None, model: str = ""
    ) -> AsyncGenerator[ConsumerRecord[bytes, bytes], None]:
        topic = topic_name(self._namespace, noun, model)
        places = await wait_partitions(self._servers, topic, 0)
        if of is not None:
            places = [places[partition_of(of, len(places))]]
        scan = scan_committed(self._servers, places, lambda share: self._progress(topic, share))
        async with aclosing(scan) as chunks:
            async for records in chunks:
                for record in records:
                    yield record
