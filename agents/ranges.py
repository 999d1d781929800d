"""Which decisions a person means: all of them, one by its id, or those of a stretch of the deployment's time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import click

from agents import moment
from agents.moment import Moment

ALL: Final = "all"
EXAMPLES: Final = "all, a decision's id, 2017-06-01..2017-07-01, 2017-06-01.., ..2017-07-01 or 2017-06-01"

_ID: Final = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Range:
    """What was said; half open in time: a decision made at `until` is not in it."""

    said: str
    decision_id: str = ""  # "" = not one by its id
    since: Moment | None = None
    until: Moment | None = None

    def within(self, zone: str) -> Within:
        """Return the range as instants; `zone` (IANA) counts where a time names no offset. Raises ValueError."""
        since = self.since.first_ms(zone) if self.since else None
        until = self.until.first_ms(zone) if self.until else None
        if since is not None and until is not None and since >= until:
            raise ValueError(f"expected a stretch of time, got {self.said!r}, which ends before it begins")
        return Within(self.decision_id, since, until)


@dataclass(frozen=True)
class Within:
    """A range as a reader of records asks it."""

    decision_id: str = ""
    since: int | None = None  # epoch ms, deployment's clock
    until: int | None = None  # not in it

    def holds(self, decision_id: str, decided_at: int) -> bool:
        """Tell whether a decision is meant."""
        if self.decision_id:
            return decision_id == self.decision_id
        is_early = self.since is not None and decided_at < self.since
        return not is_early and (self.until is None or decided_at < self.until)

    @property
    def is_open(self) -> bool:
        """Tell whether the last decision there is belongs to it, whenever it was made."""
        return not self.decision_id and self.until is None


def parse(text: str) -> Range:
    """Return what a text says; raises ValueError, with examples, where it says no range."""
    if text == ALL:
        return Range(text)
    if _ID.fullmatch(text):
        return Range(text, text)
    begin, dots, end = text.partition("..")
    if not begin and not end:
        raise ValueError(f"expected a range such as {EXAMPLES}, got {text!r}")
    try:
        since = moment.parse(begin) if begin else None
        until = moment.parse(end) if end else None
    except ValueError as error:
        raise ValueError(f"expected a range such as {EXAMPLES}, got {text!r}") from error
    if not dots and since is not None:
        until = since.following()  # a day is a range too
    found = Range(text, "", since, until)
    found.within("UTC")
    return found


class RangeType(click.ParamType):
    """A range as an argument of a command."""

    name = "range"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Range:
        """Return the range that is meant."""
        try:
            return parse(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)
