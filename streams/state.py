"""State: the rows of one shard, decoded lazily, written back once per turn, and taken back whole when an input fails.

Theory of operation.  `rows` holds what is durable, as bytes.  A table decodes a row when it is first touched and keeps
it warm; a step changes it in place and says `put`.  `flush` encodes what was put since the last one (so a row that
changed a hundred times is encoded once).  An input that fails may leave any row it touched half changed: `rewind`
forgets every row touched since the last flush and every timer set or fired since then, and the caller applies the
inputs before the failing one again.  That costs nothing until something fails, and needs no copy of anything.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

from streams.rows import Alias, Contacts, Deferral, ModelRow, OpenDecisions, Profile, Round, ShardRow

Row = TypeVar("Row")
Changes = dict[bytes, bytes | None]  # changelog key -> row; None = deleted
Timer = tuple[int, str, str]  # due, id, profile_id

WARM_ROWS_MAX: Final = 20_000  # a decoded row is 2-10 KiB: at most about 100 MiB a table


class Table(Generic[Row]):
    """One table: rows by key."""

    def __init__(
        self,
        code: bytes,
        rows: dict[bytes, bytes],
        size: int,
        decode: Callable[[bytes], Row],
        encode: Callable[[Row], bytes],
    ) -> None:
        self.size = size  # durable rows
        self._code: Final = code
        self._rows: Final = rows
        self._decode: Final = decode
        self._encode: Final = encode
        self._warm: dict[str, Row] = {}
        self._touched: set[str] = set()  # since the last flush
        self._dirty: dict[str, Row | None] = {}

    def __contains__(self, key: str) -> bool:
        return self.get(key) is not None

    def get(self, key: str) -> Row | None:
        """Return the row, to be changed in place only if it is `put` in the same step."""
        row = self._warm.get(key)
        if row is None and key not in self._dirty:
            raw = self._rows.get(self._code + key.encode())
            if raw is not None:
                row = self._warm[key] = self._decode(raw)
        if row is not None:
            self._touched.add(key)
        return row

    def put(self, key: str, row: Row) -> None:
        """Keep this row."""
        self._warm[key] = self._dirty[key] = row

    def delete(self, key: str) -> None:
        """Keep no row under this key."""
        self._warm.pop(key, None)
        self._dirty[key] = None

    def keys(self) -> list[str]:
        """Return the keys of the durable rows, in no particular order; for start-up, not for steps."""
        code = self._code
        return [key[1:].decode() for key in self._rows if key[:1] == code]

    def flush(self, changes: Changes) -> None:
        """Make durable what was put since the last flush, and add it to `changes`."""
        for name, row in self._dirty.items():
            key = self._code + name.encode()
            if row is None:
                if self._rows.pop(key, None) is not None:
                    changes[key] = None
                    self.size -= 1
            else:
                self.size += key not in self._rows
                changes[key] = self._rows[key] = self._encode(row)
        self._dirty.clear()
        self._touched.clear()
        if len(self._warm) > WARM_ROWS_MAX:
            self._warm.clear()

    def rewind(self) -> None:
        """Forget what was put since the last flush, and what was only changed."""
        for name in (*self._touched, *self._dirty):
            self._warm.pop(name, None)
        self._dirty.clear()
        self._touched.clear()


class Timers:
    """Instants at which something is due, in (due, id) order; one whose cause is gone fires and nothing happens."""

    def __init__(self) -> None:
        self._set: list[Timer] = []  # a heap
        self._fresh: list[Timer] = []  # another: those set since the last flush
        self._fired: list[Timer] = []  # of those set before it

    def set(self, due: int, identity: str, profile_id: str) -> None:
        """Fire at `due`."""
        heapq.heappush(self._fresh, (due, identity, profile_id))

    def first(self) -> int | None:
        """Return when the next one is due."""
        kept, fresh = self._set, self._fresh
        if not fresh:
            return kept[0][0] if kept else None
        return min(kept[0][0], fresh[0][0]) if kept else fresh[0][0]

    def pop(self, now: int) -> Timer | None:
        """Take the first one that is due at `now`."""
        due = self.first()
        if due is None or due > now:
            return None
        if self._fresh and not (self._set and self._set[0] < self._fresh[0]):
            return heapq.heappop(self._fresh)
        timer = heapq.heappop(self._set)
        self._fired.append(timer)
        return timer

    def names_of(self, profile_id: str) -> list[str]:
        """Return the ids of a person's timers; every timer is looked at."""
        return [name for _, name, of in (*self._set, *self._fresh) if of == profile_id]

    def flush(self) -> None:
        """Keep what was set since the last flush; what has fired has fired."""
        for timer in self._fresh:
            heapq.heappush(self._set, timer)
        self._fresh.clear()
        self._fired.clear()

    def rewind(self) -> None:
        """Forget what was set since the last flush; set again what fired since then."""
        for timer in self._fired:
            heapq.heappush(self._set, timer)
        self._fresh.clear()
        self._fired.clear()


class RowCodec:
    """How rows become bytes and back; made by `agents.codecs`, because bytes are not the core's affair."""

    def __init__(self, encode: Callable[[object], bytes], decoders: dict[str, Callable[[bytes], object]]) -> None:
        self.encode: Final = encode
        self.decoders: Final = decoders  # by table name


class State:
    """The tables and timers of one shard."""

    def __init__(self, rows: dict[bytes, bytes], codec: RowCodec) -> None:
        sizes = Counter(key[:1] for key in rows)

        def table(name: str, code: bytes) -> Table[Any]:  # each is given its type where it is assigned
            return Table(code, rows, sizes[code], codec.decoders[name], codec.encode)

        self.profiles: Final[Table[Profile]] = table("profiles", b"P")
        self.rounds: Final[Table[Round]] = table("rounds", b"R")
        self.contacts: Final[Table[Contacts]] = table("contacts", b"C")
        self.open_decisions: Final[Table[OpenDecisions]] = table("open_decisions", b"O")
        self.deferrals: Final[Table[Deferral]] = table("deferrals", b"D")
        self.aliases: Final[Table[Alias]] = table("aliases", b"A")
        self.models: Final[Table[ModelRow]] = table("models", b"M")
        self._shards: Final[Table[ShardRow]] = table("shard", b"S")
        self.shard: ShardRow = self._shards.get("") or ShardRow()  # read several times an event; see keep_shard
        self.timers: Final = Timers()  # deployment's clock: attribution windows, deferrals
        self.deadlines: Final = Timers()  # wall clock: rounds
        self.rounds_open: int = 0
        self._rounds_open_durable = 0
        self._restore_timers()

    def keep_shard(self) -> None:
        """Keep the shard's own row, which was changed."""
        self._shards.put("", self.shard)

    def drop_round(self, round_id: str) -> None:
        """Keep no such round, open or closed."""
        opened = self.rounds.get(round_id)
        if opened is not None:
            self.rounds_open -= not opened.closed_at
            self.rounds.delete(round_id)

    def keep_open_decisions(self, profile_id: str, row: OpenDecisions) -> None:
        """Keep what a person's decisions still await; nothing, if they await nothing."""
        if row.decisions:
            self.open_decisions.put(profile_id, row)
        else:
            self.open_decisions.delete(profile_id)

    def drop_open_decision(self, profile_id: str, decision_id: str) -> None:
        """Await nothing of a decision any more."""
        row = self.open_decisions.get(profile_id)
        if row is not None:
            row.decisions = [opened for opened in row.decisions if opened.decision_id != decision_id]
            self.keep_open_decisions(profile_id, row)

    def flush(self) -> Changes:
        """Make durable what changed since the last flush; return it for the changelog."""
        changes: Changes = {}
        for table in self._tables():
            table.flush(changes)
        self.timers.flush()
        self.deadlines.flush()
        self._rounds_open_durable = self.rounds_open
        return changes

    def rewind(self) -> None:
        """Forget what changed since the last flush."""
        for table in self._tables():
            table.rewind()
        self.timers.rewind()
        self.deadlines.rewind()
        self.shard = self._shards.get("") or ShardRow()
        self.rounds_open = self._rounds_open_durable

    def _tables(self) -> tuple[Table[Any], ...]:
        return (
            self.profiles, self.rounds, self.contacts, self.open_decisions, self.deferrals, self.aliases, self.models,
            self._shards,
        )  # fmt: skip

    def _restore_timers(self) -> None:
        for key in self.open_decisions.keys():  # noqa: SIM118  # a table is no dict
            row = self.open_decisions.get(key)
            for decision in row.decisions if row else ():
                self.timers.set(decision.until, decision.decision_id, key)
        for key in self.rounds.keys():  # noqa: SIM118  # the same
            opened = self.rounds.get(key)
            self.rounds_open += opened is not None and not opened.closed_at
            if opened is not None and opened.deadline_wall_at:
                self.deadlines.set(opened.deadline_wall_at, key, opened.profile_id)
        for key in self.deferrals.keys():  # noqa: SIM118  # the same
            deferral = self.deferrals.get(key)
            if deferral is not None:
                self.timers.set(deferral.release_at, key, deferral.profile_id)
        self._rounds_open_durable = self.rounds_open
        self.timers.flush()
        self.deadlines.flush()
