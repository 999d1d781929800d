"""The life of a shard on one page: what two owners, a broker and a group may do next, in any order.

Theory of operation. A source has RECORDS records; a shard's state is the tuple of those it has taken. An owner goes
`idle → starting → fenced → settled → reading → running`, and back by `draining`, by a crash, or when it is refused.
While it runs it takes records, sends their outputs early, sends a row with state and position, has the group take its
offsets, which it does of nobody who is of an older generation, and commits; markers of a decided transaction follow
later. Whoever takes over aborts what is still open of others, and waits until all is decided. A request is one atomic
step; a crash before or after it stands for a lost one and for a lost answer. The group may give the shard to the other
owner at any time, and an owner may be long in hearing it; or it waits until that one has drained and joined.
A rule that does not hold is an error that the protocol must not have; `explorer` finds what comes of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

RECORDS: Final = 3
PENDING_MAX: Final = 2  # records taken and not committed
OPEN, COMMITTED, ABORTED = "open", "committed", "aborted"
NOBODY: Final = -1

Taken = tuple[int, ...]  # numbers of records, in order


@dataclass(frozen=True)
class Rules:
    """What the protocol demands; all of it holds of ours."""

    checks_generation: bool = True  # the group refuses offsets of an older one
    offsets_last: bool = True  # else the group takes them before the row is sent
    settles: bool = True  # waits until nothing of the changelog is undecided
    reads_committed: bool = True
    position_is_committed: bool = True  # in the transaction, else beside it
    position_is_the_rows: bool = True  # else it is the one of when the transaction ends
    dies_when_refused: bool = True  # else it goes on


class Row(NamedTuple):
    """A record of the changelog: state and position, and what became of its transaction."""

    state: Taken
    position: int
    owner: int  # whose transaction is open; NOBODY once it is decided
    fate: str = OPEN
    is_marked: bool = False


class Owner(NamedTuple):
    """One process, as far as this shard goes."""

    phase: str = "idle"
    is_stale: bool = False  # a generation has begun since without it
    at: int = 0  # which row a restore reads next
    end: int = 0  # and until which
    state: Taken = ()
    position: int = 0
    unsent: Taken = ()  # outputs
    sent: Taken = ()  # outputs in the open transaction
    has_sent_row: bool = False
    has_offsets: bool = False  # the group has taken those of the open transaction
    is_fenced: bool = False

    @property
    def pending(self) -> int:
        """How many of the records taken are not committed."""
        return len(self.unsent) + len(self.sent)


class World(NamedTuple):
    """Everything."""

    owners: tuple[Owner, Owner] = (Owner(), Owner())
    assigned: int = 0
    rows: tuple[Row, ...] = ()
    outputs: Taken = ()  # committed
    aside: int = 0  # the position, where it is written beside the transaction


class Step(NamedTuple):
    """What may happen next."""

    name: str
    is_fault: bool
    world: World


def steps(world: World, rules: Rules) -> Iterator[Step]:
    """Yield everything that may happen next."""
    other = 1 - world.assigned
    loser = world.owners[world.assigned]
    given = world._replace(assigned=other)
    yield Step("rebalance", True, _with(given, world.assigned, loser._replace(is_stale=loser.phase != "down")))
    undecided = (n for n, row in enumerate(world.rows) if row.fate != OPEN and not row.is_marked)
    first = next(undecided, None)  # a producer's markers follow in order
    if first is not None:
        yield Step("mark", False, _decided(world, first, is_marked=True))
    for me, owner in enumerate(world.owners):
        for name, after in _life(world, me, owner, rules):
            yield Step(f"{'AB'[me]} {name}", False, after)
        if owner.phase == "running" and not owner.is_stale:
            yield Step(f"{'AB'[me]} join", True, _with(world, me, owner._replace(phase="draining")))
        if owner.phase != "down":
            yield Step(f"{'AB'[me]} crash", True, _with(world, me, Owner("down")))


def _life(world: World, me: int, owner: Owner, rules: Rules) -> Iterator[tuple[str, World]]:
    """Yield what one owner may do next."""
    mine = next((n for n, row in enumerate(world.rows) if row.owner == me), None)
    if mine is not None and not owner.has_sent_row:
        yield "time out", _decided(world, mine, owner=NOBODY, fate=ABORTED)  # of a life before this one
    if owner.phase == "down":
        yield "restart", _with(world, me, Owner())
    elif owner.is_stale and owner.phase != "draining":
        yield "hear", _with(world, me, owner._replace(phase="draining") if owner.phase == "running" else Owner())
    if owner.phase == "idle" and world.assigned == me and not owner.is_stale:
        yield "begin", _with(world, me, Owner("starting"))
    elif owner.phase == "starting":
        yield "fence", _fenced(world, me, owner)
    elif owner.phase == "fenced":
        if not rules.settles or all(row.is_marked for row in world.rows):
            yield "settle", _with(world, me, owner._replace(phase="settled"))
        else:
            yield "give up", _with(world, me, Owner("down"))
    elif owner.phase == "settled":
        unmarked = (number for number, row in enumerate(world.rows) if not row.is_marked)
        stable = next(unmarked, len(world.rows)) if rules.reads_committed else len(world.rows)
        yield "ask for the end", _with(world, me, owner._replace(phase="reading", end=stable))
    elif owner.phase == "reading" and owner.at < owner.end:
        row, read = world.rows[owner.at], owner._replace(at=owner.at + 1)
        if row.fate == COMMITTED or not rules.reads_committed:
            read = read._replace(state=row.state, position=row.position)
        yield "read", _with(world, me, read)
    elif owner.phase == "reading":
        position = owner.position if rules.position_is_committed else world.aside
        yield "seek", _with(world, me, owner._replace(phase="running", position=position, at=0, end=0))
    elif owner.phase in ("running", "draining"):
        yield from _run(world, me, owner, rules)


def _run(world: World, me: int, owner: Owner, rules: Rules) -> Iterator[tuple[str, World]]:
    """Yield what an owner may do that holds the shard."""
    if owner.phase == "running" and owner.position < RECORDS and owner.pending < PENDING_MAX:
        taken, number = (owner.position,), owner.position + 1
        applied = owner._replace(state=owner.state + taken, position=number, unsent=owner.unsent + taken)
        yield "apply", _with(world, me, applied)
    is_old = rules.checks_generation and owner.is_stale
    is_due = owner.has_sent_row if rules.offsets_last else bool(owner.sent)
    is_asking = is_due and not owner.has_offsets
    if owner.pending and (owner.is_fenced or (is_asking and is_old)):
        yield "be refused", _refused(world, me, owner, rules)
    elif is_asking:
        yield "commit offsets", _with(world, me, owner._replace(has_offsets=True))
    elif owner.has_sent_row:
        yield "commit", _committed(world, me, owner, rules)
    elif owner.unsent:
        sent = owner._replace(unsent=(), sent=owner.sent + owner.unsent)
        yield "send", _with(world, me, sent)
    elif owner.sent:
        yield "send the row", _row_sent(world, me, owner, rules)
    elif owner.phase == "draining":
        yield "release", _with(world, me, Owner())


def _refused(world: World, me: int, owner: Owner, rules: Rules) -> World:
    """Abort what is open, and end, or go on as if it were nothing."""
    for number, row in enumerate(world.rows):
        if row.owner == me:
            world = _decided(world, number, owner=NOBODY, fate=ABORTED)
    after = owner._replace(unsent=(), sent=(), has_sent_row=False, has_offsets=False)
    return _with(world, me, Owner("down") if rules.dies_when_refused else after)


def _fenced(world: World, me: int, owner: Owner) -> World:
    """Abort what others have open, who write no more under their id."""
    for number, row in enumerate(world.rows):
        if row.fate == OPEN:
            world = _decided(world, number, owner=NOBODY, fate=ABORTED)
            other = world.owners[1 - me]
            if row.owner == 1 - me and other.has_sent_row:
                world = _with(world, 1 - me, other._replace(is_fenced=True))
    return _with(world, me, owner._replace(phase="fenced"))


def _row_sent(world: World, me: int, owner: Owner, rules: Rules) -> World:
    """Append a row; the coordinator has finished the producer's transaction before."""
    rows = tuple(row if row.fate == OPEN else row._replace(is_marked=True) for row in world.rows)
    aside = world.aside if rules.position_is_committed else owner.position
    row = Row(owner.state, owner.position, me)
    return _with(world._replace(rows=(*rows, row), aside=aside), me, owner._replace(has_sent_row=True))


def _committed(world: World, me: int, owner: Owner, rules: Rules) -> World:
    """Decide the transaction: its outputs count, and so does its row."""
    number = next(n for n, row in enumerate(world.rows) if row.owner == me)
    position = world.rows[number].position if rules.position_is_the_rows else owner.position
    world = _decided(world, number, owner=NOBODY, fate=COMMITTED, position=position)
    world = world._replace(outputs=world.outputs + owner.sent)
    return _with(world, me, owner._replace(sent=(), has_sent_row=False, has_offsets=False))


def _with(world: World, me: int, owner: Owner) -> World:
    owners = (owner, world.owners[1]) if me == 0 else (world.owners[0], owner)
    return world._replace(owners=owners)


def _decided(world: World, number: int, **fields: object) -> World:
    rows = list(world.rows)
    rows[number] = rows[number]._replace(**fields)  # type: ignore[arg-type]  # fields of a row
    return world._replace(rows=tuple(rows))
