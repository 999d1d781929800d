"""The judgement over a toy stream: what a committed reader sees, beside a sequential run over the source.

It shares no code with the transport: another client reads, and the positions are unpacked by hand. A record costs it
some two microseconds, so that a campaign can judge every one of a hundred million.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import msgspec

from tests import toy, witness
from tests.witness import Column

POSITION: Final = b"\0position"


@dataclass(frozen=True)
class Judgement:
    """What differs from a sequential run, and how much there was to differ."""

    lost: int
    duplicates: int
    disordered: int
    wrong_rows: int
    wrong_positions: int  # partitions whose stored position is not behind the last record of their source
    events: int
    dead_letters: int
    steps_in_order: bool


FLAWLESS: Final = {
    "lost": 0, "duplicates": 0, "disordered": 0, "wrong_rows": 0, "wrong_positions": 0, "steps_in_order": True,
}  # fmt: skip


def flaws(judgement: Judgement) -> dict[str, int]:
    """Return what has to be FLAWLESS."""
    return {name: getattr(judgement, name) for name in FLAWLESS}


def violations(judgement: Judgement) -> dict[str, int]:
    """Return what is wrong, by name, and how often."""
    found = flaws(judgement)
    return {name: int(found[name]) or 1 for name, right in FLAWLESS.items() if found[name] != right}


def judge(servers: str, topic: Callable[[str], str], partitions: int, source: list[Column] | None = None) -> Judgement:
    """Judge what stands on the topics now; `topic` maps a noun to a full name.

    `source` is what was fed, where its topic no longer tells: then only that part of it is looked at which was taken.
    """
    fed = source or witness.columns(servers, topic("raw-events"), partitions)
    said = witness.columns(servers, topic("events"), partitions, headers=True)
    letters = witness.columns(servers, topic("dead-letters"), partitions, headers=True)
    notes = witness.columns(servers, topic("decision-notes"), partitions, headers=True)
    changelog = witness.columns(servers, topic("changelog"), partitions)
    lost = duplicates = disordered = wrong_rows = wrong_positions = 0
    in_order = True
    for number in range(partitions):
        if source:
            fed[number].cut(len(said[number].values) + len(letters[number].values))
        rows, good, bad = _sequential(fed[number])
        for wanted, found in ((good, said[number].values), (bad, letters[number].values)):
            missing, more, moved = _compare(wanted, found)
            lost, duplicates, disordered = lost + missing, duplicates + more, disordered + moved
        kept = dict(zip(changelog[number].keys, changelog[number].values, strict=True))
        position = kept.pop(POSITION, None)
        wrong_rows += _wrong_rows(rows, kept)
        offsets = fed[number].offsets
        wrong_positions += _place(position, topic("raw-events")) != (offsets[-1] + 1 if offsets else 0)
        in_order &= _are_complete(number, [*said[number].firsts, *letters[number].firsts, *notes[number].firsts])
    return Judgement(
        lost=lost,
        duplicates=duplicates,
        disordered=disordered,
        wrong_rows=wrong_rows,
        wrong_positions=wrong_positions,
        events=sum(len(column.values) for column in said),
        dead_letters=sum(len(column.values) for column in letters),
        steps_in_order=in_order,
    )


def _sequential(source: Column) -> tuple[dict[bytes, toy.Row], list[bytes | None], list[bytes | None]]:
    """Return the rows, what has to be said and what has to be refused, after all records in order."""
    rows: dict[bytes, toy.Row] = {}
    good: list[bytes | None] = []
    bad: list[bytes | None] = []
    decode = toy.decode_event
    for key, value, offset in zip(source.keys, source.values, source.offsets, strict=True):
        try:
            event = decode(value or b"")
        except msgspec.DecodeError:
            bad.append(value or b"")
            continue
        row = rows.get(key or b"")
        if row is None:
            row = rows[key or b""] = toy.Row()
        row.events += 1
        row.total += event.amount
        row.offset = offset
        good.append(value)
    return rows, good, bad


def _compare(wanted: list[bytes | None], found: list[bytes | None]) -> tuple[int, int, int]:
    """Return how many are missing, how many too many, how many not in their place."""
    if wanted == found:
        return 0, 0, 0
    less, more = Counter(wanted), Counter(found)
    moved = sum(one != other for one, other in zip(dict.fromkeys(wanted), dict.fromkeys(found), strict=False))
    return (less - more).total(), (more - less).total(), moved


def _wrong_rows(rows: dict[bytes, toy.Row], kept: dict[bytes | None, bytes | None]) -> int:
    people = {key: row for key, row in kept.items() if key is not None and key[:1] == b"P"}
    wanted = {b"P" + key: toy.encode_row(row) for key, row in rows.items()}
    return sum(people.get(key) != wanted.get(key) for key in people.keys() | wanted.keys())


def _place(position: bytes | None, topic: str) -> int:
    """Return the next offset of a source, as a position record says it; 0 where there is none."""
    if position is None:
        return 0
    places = msgspec.msgpack.decode(position)[2]
    return int(places[topic][0]) if topic in places else 0


def _are_complete(partition: int, steps: Iterable[bytes]) -> bool:
    """Tell whether the steps are 1, 2, 3 … without a gap: the total order that a replay needs."""
    told = sorted(steps)
    return told == [toy.STEP.pack(partition, step) for step in range(1, len(told) + 1)]
