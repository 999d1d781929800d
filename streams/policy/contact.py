"""Contact rules: how often we may speak, in which scope, in which window."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from streams.policy.problems import expected_one_of
from streams.policy.quantities import duration_ms
from streams.policy.reading import DURATION_MS_MAX, Node, Record

SCOPES: Final = ("global", "channel", "category", "intent", "action")
CALENDAR: Final = ("day", "week", "month")
CLASSES: Final = ("promo", "transactional")
LIMIT_MAX: Final = 100  # contacts are kept in a person's row; a cap above that is none


@dataclass(frozen=True, slots=True)
class ContactRule:
    """At most `limit` contacts of a scope in a window."""

    id: str
    scope: str  # global | channel | category | intent | action
    value: str  # one of the scope's ids; "*" = each by itself
    limit: int  # 0 blocks
    rolling_ms: int  # 0 = calendar
    calendar: str  # day | week | month of the person's zone; "" = rolling
    klass: str  # class of the contacts that count; "*" = all
    exempt: tuple[str, ...]  # classes of actions that the rule does not bind


def read_contact(node: Node, scopes: dict[str, Collection[str]]) -> tuple[ContactRule, ...]:
    """Read the `contact` section; `scopes` has the ids of every scope but the global one."""
    rules: list[ContactRule] = []
    seen: set[str] = set()
    for item in node.items("contact rules"):
        record = item.record("contact rule", ("id", "scope", "limit", "window"), ("value", "class", "exempt"))
        identity = record.identity("id")
        if identity and identity in seen:
            record.wrong("id", f"another rule is called {identity!r}")
        seen.add(identity)
        scope = record.one_of("scope", "scope", SCOPES, "global")
        rolling_ms, calendar = _window(record)
        exempt = record.fields["exempt"].names("class", CLASSES) if record.has("exempt") else ("transactional",)
        rules.append(
            ContactRule(
                identity,
                scope,
                _value(record, scope, scopes),
                record.whole("limit", 0, 0, LIMIT_MAX),
                rolling_ms,
                calendar,
                record.one_of("class", "class", ("*", *CLASSES), "*"),
                exempt,
            )
        )
    return tuple(rules)


def _value(record: Record, scope: str, scopes: dict[str, Collection[str]]) -> str:
    """Read the id that a rule is about; one that its scope does not have is a mistake, never `global`."""
    value = record.text("value", "*")
    known = ("*", *scopes.get(scope, ()))
    if value not in known:
        record.wrong("value", f"unknown {scope} {value!r}: {expected_one_of(known, value)}")
    return value


def _window(record: Record) -> tuple[int, str]:
    told = record.text("window", "day")
    if told in CALENDAR:
        return 0, told
    rolling_ms = duration_ms(told.removeprefix("rolling:")) if told.startswith("rolling:") else None
    if rolling_ms is None or not 0 < rolling_ms <= DURATION_MS_MAX:
        record.wrong("window", f"expected rolling:<duration> such as rolling:7d, day, week or month, got {told!r}")
        return 0, "day"
    return rolling_ms, ""
