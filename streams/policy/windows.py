"""Windows: the contact rules of a policy, with the candidates that each refuses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from streams.policy.bitsets import union
from streams.policy.contact import CALENDAR, SCOPES, ContactRule


@dataclass(frozen=True, slots=True)
class Window:
    """One contact rule, for one class of candidates that it binds."""

    rule: str
    scope: int  # 0 global, 1 channel, 2 category, 3 intent, 4 action
    limit: int
    rolling_ms: int  # 0 = calendar
    calendar: int  # 0 day, 1 week, 2 month; -1 = rolling
    klass: str  # of the contacts that count, or "*"
    with_shadows: bool  # shadow contacts count too
    by_value: dict[str, int]  # candidates by id of the scope, for the ids that the rule is about
    only: str  # the id, where it is about one; "" = several
    always: int  # refused whatever was sent: a limit of 0


def make_windows(
    rules: Sequence[ContactRule], tables: Mapping[str, Mapping[str, int]], classes: Mapping[str, int]
) -> list[Window]:
    """Return the windows of all rules that bind a candidate.

    A rule that binds promotions and transactional messages gives two windows: a shadow contact counts for what may be
    held out, and for nothing else.
    """
    windows: list[Window] = []
    for rule in rules:
        for klass, candidates in classes.items():
            if klass in rule.exempt:
                continue
            by_value = {
                value: mask & candidates
                for value, mask in tables[rule.scope].items()
                if mask & candidates and rule.value in ("*", value)
            }
            if by_value:
                windows.append(
                    Window(
                        rule.id,
                        SCOPES.index(rule.scope),
                        rule.limit,
                        rule.rolling_ms,
                        CALENDAR.index(rule.calendar) if rule.calendar else -1,
                        rule.klass,
                        klass == "promo",
                        by_value,
                        next(iter(by_value)) if len(by_value) == 1 else "",
                        0 if rule.limit else union(list(by_value.values())),
                    )
                )
    return windows
