"""Columns: which say what of an event, and a row as the event that it tells."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

from agents.errors import UserError
from agents.importing.files import Row, RowUnreadable
from streams.ids import derive
from streams.ingest import IMPORT, check, check_identity
from streams.policy import Policy
from streams.records import RawEvent, Value

CONSENT: Final = "consent."  # before a scope, in the name of a column
YES, NO = ("true", "1", "yes"), ("false", "0", "no")


@dataclass(frozen=True)
class Columns:
    """What each column of a file says."""

    header: tuple[str, ...]
    type: str  # of the events
    profile_id: str
    occurred_at: str  # "" = none
    properties: Mapping[str, str]  # column by property
    consents: Mapping[str, str]  # column by scope

    def event(self, row: Row, event_id: str, now: int, policy: Policy, *, live: bool) -> RawEvent:
        """Return the event that a row tells; raises RowUnreadable, or Refused where the catalogue does not take it."""
        if more := [column for column in row if column not in self.header]:
            raise RowUnreadable(f"it has {', '.join(more)}, which the first row has not")
        kinds = policy.events[self.type].properties
        told = RawEvent(
            event_id,
            str(row.get(self.profile_id, "")),
            self.type,
            _instant(row[self.occurred_at]) if row.get(self.occurred_at) else now,
            IMPORT,
            {name: _value(name, kinds[name], row[column]) for name, column in self.properties.items() if column in row},
            {scope: _flag(column, row[column]) for scope, column in self.consents.items() if column in row} or None,
        )
        check_identity(told)
        check(told, policy.events, now if live else 0, live=live)
        return told


def match(
    header: Sequence[str],
    policy: Policy,
    kind: str,
    profile_id: str,
    renamed: Mapping[str, str],
    skipped: Sequence[str],
) -> Columns:
    """Return what each column says: its own name, or the property that it is `renamed` to.

    renamed: column by property. Raises UserError with everything that is wrong.
    """
    if kind not in policy.events:
        raise UserError(f"--type {kind}: expected one of the policy's event types: {', '.join(sorted(policy.events))}")
    declared = policy.events[kind]
    if declared.links:
        raise UserError(f"--type {kind}: an event that links two people cannot be imported")
    wrong = [
        f"two columns are called {column!r}" for column in sorted({one for one in header if header.count(one) > 1})
    ]
    named = {column: name for name, column in renamed.items()}
    properties, consents = {}, {}
    for column in header:
        name = named.get(column, column)
        if column in (profile_id, "occurred_at") or column in skipped:
            continue
        if name in declared.properties:
            properties[name] = column
        elif name.startswith(CONSENT) and name != CONSENT:
            consents[name.removeprefix(CONSENT)] = column
        else:
            wrong.append(f"column {column!r} is no property of {kind} ({', '.join(declared.properties)}): --skip it")
    wrong += [f"there is no column {column!r}" for column in (profile_id, *named, *skipped) if column not in header]
    unsaid = declared.properties.keys() - declared.optional - properties.keys()
    wrong += [f"no column says {name!r}, which an event {kind} has: --map {name}=COLUMN" for name in sorted(unsaid)]
    if wrong:
        raise UserError("\n  ".join([f"{len(wrong)} things are wrong with the columns {', '.join(header)}:", *wrong]))
    return Columns(
        tuple(header), kind, profile_id, "occurred_at" if "occurred_at" in header else "", properties, consents
    )


def identity_of(digest: str, columns: Columns) -> str:
    """Return what an import is known by: the same bytes, read in the same way."""
    return derive("import", digest, repr(columns))


def event_id_of(identity: str, number: int) -> str:
    """Return the id of the event that a row tells: the same import again is the same events."""
    return derive("import", identity, str(number))


def _value(name: str, kind: str, told: Any) -> Value:
    """Return a value as the catalogue types it, where a text stands for one."""
    if isinstance(told, str) and kind != "string":
        return _flag(name, told) if kind == "bool" else _number(name, told, int if kind == "int" else float)
    if isinstance(told, float) and kind == "int" and told.is_integer():
        return int(told)
    if kind == "string" and isinstance(told, int | date):
        return str(told)
    if isinstance(told, bool | int | float | str):
        return told
    if hasattr(told, "__float__"):  # a decimal
        return float(told)
    raise RowUnreadable(f"{name}: expected a {kind}, came {type(told).__name__}")


def _number(name: str, told: str, kind: Callable[[str], int | float]) -> int | float:
    try:
        return kind(told)
    except ValueError:
        raise RowUnreadable(f"{name}: expected a number, came {told[:40]!r}") from None


def _flag(name: str, told: Any) -> bool:
    word = str(told).lower()
    if word not in YES + NO:
        raise RowUnreadable(f"{name}: expected one of {', '.join(YES + NO)}, came {str(told)[:40]!r}")
    return word in YES


def _instant(told: Any) -> int:
    """Return milliseconds since 1970: of a number those, of a text or a time without a zone UTC."""
    if isinstance(told, str) and not told.isdigit():
        try:
            told = datetime.fromisoformat(told)
        except ValueError:
            raise RowUnreadable(f"occurred_at: expected milliseconds or ISO 8601, came {told[:40]!r}") from None
    if isinstance(told, date):
        at = told if isinstance(told, datetime) else datetime(told.year, told.month, told.day)  # noqa: DTZ001
        return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
    try:
        return int(told)
    except (TypeError, ValueError):
        raise RowUnreadable(f"occurred_at: expected milliseconds or ISO 8601, came {str(told)[:40]!r}") from None
